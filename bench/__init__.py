"""Benchmarks: `make bench` prints them; their results stand in docs/benchmarks.md."""
