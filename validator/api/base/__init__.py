"""What the routes of the service share."""
