"""Questions about the table rejects."""
