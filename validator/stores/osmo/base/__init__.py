"""What OSMO's store is made of: its rows as they stand, its keys, its tables, and a way to read them."""
