"""Streamlit's side: what was asked for, what was run, and the stage that shows it."""
