-- The calls of the session's window, one row an edge.
from edge_totals(window_from(), window_until())
