"""What people see of a search: progress, tables, figures, last lines."""
