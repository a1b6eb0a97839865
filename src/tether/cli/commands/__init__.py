'''One small module for each command; each has the click command as its attribute `command`.

A command parses, calls one function of `tether.api`, and emits one result. The registry
(`tether.cli.registry`) lists it by name and gives the one-line summary; `cherry-pick` lives in
`cherry_pick.py`, `import` in `import_.py`. The docstring of the function is its help text. A whole module:

    """`tether count`: count the files below some paths."""

    from dataclasses import dataclass

    import click

    from tether.cli.context import Context
    from tether.cli.format import count_text, size_text
    from tether.cli.options import paths_argument, with_options
    from tether.cli.paths import expand_paths


    @dataclass(frozen=True, slots=True)
    class Options:
        """What the user asked for; the fields are named as the click parameters."""

        paths: tuple[str, ...]
        all_: bool
        rev: str | None


    @click.command()
    @paths_argument()
    @click.option("-a", "--all", "all_", is_flag=True, help="Count ignored files too.")
    @click.option("--rev", metavar="REV", help="Count in this revision.")
    @with_options(Options)
    def command(ctx: Context, options: Options) -> None:
        """Count the files below some paths.

        Without a PATH everything is counted.
        """
        paths = expand_paths(ctx, options.paths)
        result = ctx.repo().count(paths, progress=ctx.progress())
        ctx.emit(
            {"files": result.files, "bytes": result.bytes},
            lambda: [f"{count_text(result.files, 'file')}, {size_text(result.bytes)}"],
        )

A command with few parameters takes them one by one under `@pass_context` instead of `@with_options`. A
command with subcommands is a `click.group()` named `command`; with `invoke_without_command=True` it
has a default. `--json`, `-q`, `-v`, `-C` and `-h` are added to every command when it is loaded.

- `ctx.emit(document, human)` prints the one result; `human` returns lines and is not called with
  `--json`. `page=True` where it may be long, `essential=False` for a mere "done" that `-q` hides.
- `ctx.note(text)` speaks on stderr, `ctx.warn(text)` warns there; `ctx.bytes_out` takes raw contents.
- Errors are raised as `tether.errors`; `ctx.exit(5)` ends with a code after the result was given.
- `ctx.now()` and `ctx.author()` give the time and the person; `ctx.progress()` goes to the library.
- Click, `tether.cli` and `tether.errors` are imported at the top; what is slow (numpy, rich, a whole
  layer that only one option needs) inside the function.
'''
