"""The dashboard's pages. Pure parts: matrix, finding, punctuality, words, csv_file, moments. The rest is Streamlit."""
