"""The dashboard's pages. Pure: matrix, finding, punctuality, words, csv_file, moments, known_dates."""
