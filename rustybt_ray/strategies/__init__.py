"""Strategies: how they are loaded, checked, identified and sent to workers."""
