"""How boot firmware chooses among the offers it hears: pure functions over packets."""
