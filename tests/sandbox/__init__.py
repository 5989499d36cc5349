"""The played vendors: what they answer, charge and refuse."""
