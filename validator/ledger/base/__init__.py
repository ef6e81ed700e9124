"""Tables and database of the ledger."""
