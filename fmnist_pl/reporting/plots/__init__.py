"""Plot functions: from arrays to matplotlib figures."""
