"""From listed objects to committed rows: plan, assemble, admit, commit, run."""
