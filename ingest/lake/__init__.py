"""The contract between those who write the lake and those who read it."""
