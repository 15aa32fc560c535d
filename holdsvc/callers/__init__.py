"""Who is calling: a file per directory or CRM."""
