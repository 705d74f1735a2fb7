"""The rows that people keep: companies, contacts, lists, teams, keys; made, found, imported, edited."""
