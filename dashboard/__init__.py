"""Looks at the answers of queries; never computes one."""
