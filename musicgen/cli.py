"""The `musicgen` command: `musicgen train …` is `python -m musicgen.train …`."""

import sys
from collections.abc import Sequence
from importlib import import_module

from musicgen import __version__
from musicgen.system.commands import complain, in_settled_environment

COMMANDS = {
    "train": "train, sample, measure and render: one run, or with --multirun a sweep",
    "sample": "draw more tunes from a trained run",
    "evaluate": "measure the tunes of any ABC file against a corpus",
    "compare": "say which change did what to the runs of a sweep",
    "report": "write a report of runs or sweeps for the browser",
    "listen": "rate tunes of several runs blind, in the browser",
    "play": "draw tunes in the browser, continue them, keep them",
    "note": "write down what a run sounds like",
    "store": "list the trained networks, or remove old ones",
    "upload": "send to Comet what has not been sent yet",
    "completion": 'print tab completion for bash: eval "$(musicgen completion bash)"',
}
_SHELL_CODE = """
_musicgen() {
    local line=${COMP_LINE:0:COMP_POINT} command=${COMP_WORDS[1]} word choice choices=()
    word=${line##*[[:space:]]}
    if ((COMP_CWORD == 1)); then
        choices=(COMMANDS --help --version)
    elif [[ $command == train ]]; then
        read -ra choices < <(COMP_LINE="musicgen ${line#*train}" "$1" train -sc query=bash 2>/dev/null)
    fi
    COMPREPLY=()
    for choice in "${choices[@]}"; do
        [[ $choice == "$word"* ]] && COMPREPLY+=("$choice")
    done
    if ((COMP_CWORD == 1 && ${#COMPREPLY[@]} == 1)); then
        COMPREPLY=("${COMPREPLY[0]} ")
    elif [[ $word == *=* && $COMP_WORDBREAKS == *=* ]]; then
        # Readline replaces only the text after the last "=".
        COMPREPLY=("${COMPREPLY[@]#"${word%=*}="}")
    fi
}
complete -o nospace -o default -F _musicgen musicgen
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status, which is 2 if there is no such command."""
    command, *rest = arguments or sys.argv[1:] or [""]
    match command, rest:
        case "--version", _:
            print(f"musicgen {__version__}")
        case "" | "-h" | "--help", _:
            width = max(map(len, COMMANDS))
            print("usage: musicgen COMMAND ...   (musicgen COMMAND --help explains a command)\n")
            print("\n".join(f"  {name:{width}}  {purpose}" for name, purpose in COMMANDS.items()))
            return 0 if command else 2
        # The function that Hydra would install does not know commands.
        case ("completion", ["bash"]) | ("train", ["-sc" | "--shell-completion", "install=bash"]):
            print(_SHELL_CODE.replace("COMMANDS", " ".join(COMMANDS)).strip())
        case "completion", _:
            complain("completion needs the name of a shell; allowed is bash")
            return 2
        case _ if command in COMMANDS:
            sys.argv[1:] = rest
            return in_settled_environment(import_module(f"musicgen.{command}").main)
        case _:
            complain(f"{command}: no such command; allowed are {', '.join(COMMANDS)}")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
