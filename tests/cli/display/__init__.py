"""What a person reads of plans, runs, accounts and vendors, and what programs get."""
