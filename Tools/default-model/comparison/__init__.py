"""The parts of compare.py: files and models to read, spaces to search, measures, tables."""
