"""From the lake to views, reports and checks: SQL files and the session that runs them."""
