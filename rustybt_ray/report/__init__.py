"""Pictures, drawn from plain records. The one package that loads plotly, and not before a picture is asked for."""
