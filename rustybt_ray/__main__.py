"""`python -m rustybt_ray`: the program `rustybt-ray`, where only the package can be found."""

from rustybt_ray.cli import main

main(prog_name="rustybt-ray")
