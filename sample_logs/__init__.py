"""Sample logs: a committed set laid out as AWS lays it out, and the simulation that made it."""
