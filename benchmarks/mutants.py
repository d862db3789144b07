"""Whether tests notice errors: mutation testing of losses, labels and aggregation.

    python benchmarks/mutants.py                             # a quarter of an hour
    python benchmarks/mutants.py "skccem._volumes.x_wide*"   # these again
    python benchmarks/mutants.py --table                     # what the last run found

mutmut changes one thing at a time in the files that `[tool.mutmut]` in pyproject.toml
names, and runs the tests that call the changed function. It leaves functions with
decorators alone. Here these are `fit`, the gradients and the sizes of labels, and they
are let in.
"""

import argparse

import libcst as cst
from mutmut.__main__ import _run
from mutmut.mutation import file_mutation
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.state import state
from mutmut.stats import collect_stat, status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.workers.isolation import ForkServerRunner

NOTICED = ("killed", "timeout")

_skip = file_mutation.MutationVisitor._skip_node_and_children
_arrange = file_mutation.function_trampoline_arrangement
_submit = ForkServerRunner.submit


def mutate_decorated_functions():
    """Let mutmut into functions with decorators."""
    file_mutation.MutationVisitor._skip_node_and_children = _skip_no_function
    file_mutation.function_trampoline_arrangement = _arrange_below_decorators


def _skip_no_function(visitor, node):
    return not isinstance(node, cst.FunctionDef) and _skip(visitor, node)


def _arrange_below_decorators(function, mutants, class_name):
    """The mutants without decorators, which stay on what chooses among the mutants."""
    binding = [
        decorator
        for decorator in function.decorators
        if isinstance(decorator.decorator, cst.Name)
        and decorator.decorator.value in ("staticmethod", "classmethod")
    ]
    plain = function.with_changes(decorators=binding)
    before, (chooser, *copies), after, names = _arrange(plain, mutants, class_name)
    decorators = [*function.decorators, chooser.decorators[-1]]
    return before, [chooser.with_changes(decorators=decorators), *copies], after, names


def run_fast_tests_first():
    """A fast test notices nearly every mutant, and then the others don't run."""
    ForkServerRunner.submit = _submit_fast_tests_first


def _submit_fast_tests_first(runner, name, tests, *limits):
    _submit(runner, name, sorted(tests, key=state().duration_by_test.get), *limits)


def print_results():
    """A table of the files, and each change that no test noticed."""
    files = [SourceFileMutationData(path=path) for path in walk_mutatable_files()]
    print("| file | mutants | killed | timed out | not noticed | noticed |")
    print("|---|---|---|---|---|---|")
    for file in files:
        file.load()
        stat = collect_stat(file)
        noticed = stat.killed + stat.timeout
        print(
            f"| `{file.path.name}` | {stat.total} | {stat.killed} | {stat.timeout} | "
            f"{stat.total - noticed} | {noticed / stat.total:.1%} |"
        )
    for file in files:
        for name, code in file.exit_code_by_key.items():
            if status_by_exit_code[code] not in NOTICED:
                print(f"\n{name} ({status_by_exit_code[code]})")
                print(_changed_lines(name, file.path))


def _changed_lines(name, path):
    lines = get_diff_for_mutant(name, path=path).splitlines()
    heads = ("---", "+++", "@@")
    return "\n".join(x for x in lines if x[:1] in "+-" and not x.startswith(heads))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="mutants to run again, also with *")
    parser.add_argument("--children", type=int, default=2, help="processes")
    parser.add_argument("--table", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    if not arguments.table:
        mutate_decorated_functions()
        run_fast_tests_first()
        _run(arguments.names, arguments.children)
    print_results()


if __name__ == "__main__":
    main()
