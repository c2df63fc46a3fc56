"""Who boots what: a machine's facts in, the name of its boot file out."""
