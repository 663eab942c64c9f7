"""What is drawn by JavaScript: the stage and the board. Python computes, the browser only draws."""
