-- The calls of the session's history, from its begin up to the window's, one row an edge.
from edge_totals(history_from(), window_from())
