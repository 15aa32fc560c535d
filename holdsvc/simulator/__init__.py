"""The other side: carriers that behave as documented, callers with patience, agents. It shares no code with the service."""
