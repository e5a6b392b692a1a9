"""What a search was, is and found."""
