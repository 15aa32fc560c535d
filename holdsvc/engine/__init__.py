"""The shell: takes each event, asks for a decision, has it kept and performed."""
