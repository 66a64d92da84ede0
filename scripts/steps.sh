# Sourced by scripts/lint and scripts/test: runs every step, whatever became of the one before, and sums up.
root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd -P)
summary=""
failures=0

step() {  # NAME COMMAND...
    local name=$1 begin=$SECONDS outcome=passed
    shift
    printf '\n== %s\n' "$name"
    "$@" || outcome=FAILED
    [ "$outcome" = passed ] || failures=$((failures + 1))
    summary+=$(printf '%-8s %-42s %4d s' "$outcome" "$name" $((SECONDS - begin)))$'\n'
}

beside_names=() beside_processes=() beside_outputs=()
beside() {  # NAME COMMAND...: the same while other steps run; what it prints comes with join
    local output
    output=$(mktemp)
    beside_names+=("$1") beside_outputs+=("$output")
    shift
    { local begin=$SECONDS outcome=0; "$@" || outcome=$?; echo $((SECONDS - begin)) >"$output.seconds"; exit $outcome
    } >"$output" 2>&1 &
    beside_processes+=($!)
}
join() {  # waits for all that runs beside
    local each outcome output
    for each in "${!beside_names[@]}"; do
        outcome=passed output=${beside_outputs[each]}
        wait "${beside_processes[each]}" || outcome=FAILED
        [ "$outcome" = passed ] || failures=$((failures + 1))
        printf '\n== %s\n' "${beside_names[each]}"
        cat "$output"
        summary+=$(printf '%-8s %-42s %4d s' "$outcome" "${beside_names[each]}" "$(cat "$output.seconds")")$'\n'
        rm -f "$output" "$output.seconds"
    done
}

in_folder() { (cd "$1" && shift && "$@"); }  # FOLDER COMMAND...

clang_format() { find csrc -regex '.*\.\(h\|cpp\|cu\|cuh\)' -exec clang-format --dry-run -Werror {} +; }

lint_steps() {
    step "ruff check" ruff check .
    step "ruff format" ruff format --check .
    step "mypy" mypy
    step "clang-format" clang_format
}

finish() {
    printf '\n== summary\n%s' "$summary"
    [ "$failures" -eq 0 ]
}

"$root/scripts/setup" test
PATH=$root/.venv/bin:$PATH
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}  # the tests' tensors are small: more threads only wait for each other
cd "$root"
