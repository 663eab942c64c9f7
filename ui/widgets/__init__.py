"""Widgets and parts of pages that several pages share."""
