"""What can be taken along of a training: scripts, tables, TensorBoard's files."""
