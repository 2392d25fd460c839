"""From a CSV file to integer rows: table, data set, audit, reference of the training rows, sources."""
