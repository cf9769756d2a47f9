"""The Streamlit app: its pages, components and server."""
