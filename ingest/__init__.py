"""From an S3 object to typed rows in the lake, exactly once."""
