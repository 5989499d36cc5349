"""Boards that change at different rates: learning the rates, and buying where new entries are expected."""
