"""What the site serves beside the dashboard's pages, on the same port."""
