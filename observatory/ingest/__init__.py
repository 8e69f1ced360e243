"""The one way in: every measurement is judged and stored here."""
