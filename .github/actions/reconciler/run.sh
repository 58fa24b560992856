#!/usr/bin/env bash
# The shell of the action in this folder; `run.sh install` makes sure that the program is there, `run.sh` runs it.
#
# Every input comes in a variable that begins with ACTION_ and is used as one word: no input ever becomes a part of a
# shell's text. What the program prints may hold the words of vendors and manifests, so GitHub is told not to take any
# line of it for one of its commands. Needs bash 4.4, as every Linux runner has.
set -euo pipefail

readonly temporary="${RUNNER_TEMP:-${TMPDIR:-/tmp}}"

fail() { # a sentence: wrong usage
  printf '::error title=reconciler::%s\n' "$1"
  exit 64
}

truth() { # the name of an input and its value
  case "$2" in
    true | false) ;;
    *) fail "the input $1 is true or false" ;;
  esac
}

output() { # a name and a value of one line
  if [[ -n "${GITHUB_OUTPUT:-}" ]]; then
    printf '%s=%s\n' "$1" "$2" >> "$GITHUB_OUTPUT"
  fi
}

install() {
  local requirement="${ACTION_REQUIREMENT:-}" folder
  if command -v reconciler > /dev/null; then
    printf '%s is already here\n' "$(reconciler --version)"
    return 0
  fi
  if [[ -z "$requirement" ]]; then
    # The action and the program come from one commit: who pins the one has pinned the other.
    requirement="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)[policy,verify]"
  fi
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
    || fail 'reconciler needs Python 3.11 or newer; let actions/setup-python come before'
  folder="$(mktemp -d "$temporary/reconciler-program.XXXXXX")"
  python3 -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -- "$requirement"
  printf '%s\n' "$folder/bin" >> "${GITHUB_PATH:?}"
}

shown() { # a title and a command: its output stands in a group and in "$folder/log", and commands nothing to GitHub
  local title="$1" token status reader child
  shift
  token="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
  printf '::group::%s\n::stop-commands::%s\n' "$title" "$token"
  exec 3> >(tee -- "$folder/log")
  reader=$!
  "$@" >&3 2>&1 3>&- &
  child=$!
  exec 3>&-
  # A cancelled job: the program ends what is under way, and leaves a state that is consistent.
  trap 'kill -TERM "$child" 2> /dev/null || true' INT TERM
  while true; do
    status=0
    wait "$child" || status=$?
    kill -0 "$child" 2> /dev/null || break
  done
  trap - INT TERM
  wait "$reader" || true
  printf '\n::%s::\n::endgroup::\n' "$token"
  return "$status"
}

annotate_manifests() {
  reconciler "${before[@]}" validate --format github 2> /dev/null || true
}

matrix() {
  reconciler "${before[@]}" projects "${words[@]}" --format=json > "$folder/matrix.json" || return
  reconciler "${before[@]}" projects "${words[@]}" 2> /dev/null
}

summarize() { # a file: into the job's summary, which takes 1 MiB
  if [[ -s "$1" && -n "${GITHUB_STEP_SUMMARY:-}" ]]; then
    head -c 1000000 -- "$1" >> "$GITHUB_STEP_SUMMARY"
    printf '\n\n' >> "$GITHUB_STEP_SUMMARY"
  fi
}

as_markdown() { # a title and a file of text, within which nothing is markup
  printf '### %s\n\n<pre>\n' "$1"
  head -c 200000 -- "$2" | sed -e 's/&/\&amp;/g' -e 's/</\&lt;/g' -e 's/>/\&gt;/g'
  printf '</pre>\n'
}

comment() { # the name of the comment
  local status=0 what=()
  case "${GITHUB_EVENT_NAME:-}" in
    pull_request | pull_request_target) ;;
    *)
      printf '::notice title=reconciler::this is no pull request, so there is nowhere to comment\n'
      return 0
      ;;
  esac
  if [[ "${ACTION_HEAD:-}" != "${GITHUB_REPOSITORY:-}" ]]; then
    printf '::notice title=reconciler::%s\n' \
      'the pull request comes from a fork, for which GitHub gives no token that may comment'
    return 0
  fi
  if [[ -s "$folder/plan.json" ]]; then
    what=(--plan "$folder/plan.json")
  elif [[ -s "$folder/$1.md" ]]; then
    what=(--from "$folder/$1.md")
  else
    return 0
  fi
  export GITHUB_TOKEN="${ACTION_TOKEN:-}"
  shown 'comment' reconciler "${before[@]}" comment "${what[@]}" --name "$1" || status=$?
  if [[ "$status" -ne 0 ]]; then
    printf '::warning title=reconciler::the comment could not be written (exit code %s); the log says why\n' "$status"
  fi
}

run() {
  local command="${ACTION_COMMAND:-plan}" approve="${ACTION_APPROVE:-}" planfile="${ACTION_PLAN_FILE:-}"
  local commenting="${ACTION_COMMENT:-false}" failing="${ACTION_FAIL_ON_CHANGES:-}"
  local snapshot="${ACTION_SNAPSHOT:-}"
  local status=0 changes='' digest='' form line before=() words=() reports=() forms=() folder
  case "$command" in
    validate | plan | apply | snapshot | projects) failing="${failing:-false}" ;;
    drift | verify) failing="${failing:-true}" ;;
    *) fail 'the input command is validate, plan, apply, drift, verify, snapshot or projects' ;;
  esac
  truth comment "$commenting"
  truth fail-on-changes "$failing"
  folder="$(mktemp -d "$temporary/reconciler.XXXXXX")"
  output folder "$folder"
  if [[ -n "${ACTION_DIRECTORY:-}" ]]; then
    [[ -d "$ACTION_DIRECTORY" ]] || fail 'the input directory names no folder of the checkout'
    before+=("--directory=$ACTION_DIRECTORY")
  fi
  if [[ -n "${ACTION_ENVIRONMENT:-}" ]]; then before+=("--environment=$ACTION_ENVIRONMENT"); fi
  while IFS= read -r line; do # one word a line
    if [[ -n "$line" ]]; then words+=("$line"); fi
  done <<< "${ACTION_ARGUMENTS:-}"

  case "$command" in
    plan)
      forms=(markdown=md github=github html=html sarif=sarif json=view)
      if [[ -n "$snapshot" ]]; then
        words+=("--snapshot=$snapshot")
      else
        words+=(-o "$folder/plan.json")
      fi
      ;;
    snapshot) words+=(-o "$folder/snapshot.json") ;;
    drift) forms=(markdown=md github=github sarif=sarif) ;;
    verify) forms=(markdown=md html=html junit=xml) ;;
    projects)
      if [[ -n "${ACTION_CHANGED_SINCE:-}" ]]; then words+=("--changed-since=$ACTION_CHANGED_SINCE"); fi
      ;;
    apply)
      case "$approve" in
        sha256:*) words+=("--approve=$approve") ;;
        any) words+=(-y) ;;
        '')
          if [[ -z "$planfile" ]]; then
            fail 'apply needs to know what was reviewed: give approve (a digest), or plan-file, or approve: any'
          fi
          words+=(-y)
          ;;
        *) fail 'the input approve is the digest of a plan, which begins with sha256:, or the word any' ;;
      esac
      if [[ -n "$planfile" ]]; then words+=(-- "$planfile"); fi
      ;;
    *) ;;
  esac
  case "$command" in
    plan | drift | verify)
      for form in "${forms[@]}"; do
        reports+=("--report=${form%%=*}=$folder/$command.${form#*=}")
      done
      words=(--detailed-exitcode "${reports[@]}" "${words[@]}")
      ;;
    *) ;;
  esac

  if [[ "$command" = projects ]]; then
    shown "$command" matrix || status=$?
  else
    shown "$command" reconciler "${before[@]}" "$command" "${words[@]}" || status=$?
  fi
  case "$command:$status" in
    plan:8 | apply:8 | snapshot:8) annotate_manifests ;;
    validate:0) ;;
    validate:*) annotate_manifests ;;
    plan:0 | drift:0 | verify:0) changes=false ;;
    plan:2 | drift:2 | verify:2) changes=true ;;
    projects:0)
      output matrix "$(cat -- "$folder/matrix.json")"
      changes=true
      if grep -q '"include": \[\]' "$folder/matrix.json"; then changes=false; fi
      ;;
    *) ;;
  esac
  if [[ -s "$folder/plan.view" ]]; then
    digest="$(sed -n 's/^  "digest": "\(sha256:[0-9a-f]\{64\}\)",$/\1/p' "$folder/plan.view")"
  fi
  if [[ "$command" = apply ]]; then as_markdown "Apply: exit code $status" "$folder/log" > "$folder/apply.md"; fi
  output exit-code "$status"
  output has-changes "$changes"
  output digest "$digest"
  if [[ -s "$folder/plan.json" ]]; then output plan-file "$folder/plan.json"; fi
  if [[ -s "$folder/$command.github" ]]; then cat -- "$folder/$command.github"; fi
  summarize "$folder/$command.md"
  if [[ "$commenting" = true ]]; then comment "$command"; fi
  if [[ "$status" -eq 2 && "$failing" = false ]]; then status=0; fi
  return "$status"
}

case "${1:-run}" in
  install) install ;;
  run) run ;;
  *) fail 'run.sh knows the words install and run' ;;
esac
