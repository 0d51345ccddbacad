"""The SQL of the lake's upkeep: what verify and status ask."""
