# Sourced by the project's scripts: messages, and the Debian packages that a script needs.

# Progress and errors go to standard error: standard output belongs to the command's result.
say() { printf '%s\n' "${EMU_SAY_NAME:-emu}: $*" >&2; }
die() { say "$1"; exit "${2:-2}"; }

# as_root_apt ARGS...: apt-get without questions, which waits for another one to end. Only called when the user is root.
as_root_apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@" >&2 </dev/null; }

# install_packages PACKAGE...: a mirror that does not answer, or the lock of the package lists, which apt-get does not wait for, is
# tried again some times.
install_packages() {
  local wait
  as_root_apt install -y --no-install-recommends "$@" 2>/dev/null && return 0
  for wait in 10 30 60 0; do
    as_root_apt update && as_root_apt install -y --no-install-recommends "$@" && return 0
    ((wait == 0)) || { say "apt-get failed: once more in $wait s ..."; sleep "$wait"; }
  done
  return 1
}

# ensure_packages 'TEST=PACKAGE' ...: installs every PACKAGE whose TEST does not hold. TEST is a command that must be
# in PATH, or, when it holds a slash, a file that must exist. Without root it prints the exact command and exits with 2.
ensure_packages() {
  local item probe missing=()
  for item in "$@"; do
    probe=${item%%=*}
    case $probe in
      */*) [[ -e $probe ]] || missing+=("${item#*=}") ;;
      *) command -v "$probe" >/dev/null 2>&1 || missing+=("${item#*=}") ;;
    esac
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null 2>&1 || die "needs the Debian packages ${missing[*]}, and there is no apt-get here to install them with"
  if ((EUID != 0)); then
    die "needs packages that are not installed; run: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
  fi
  say "installing ${missing[*]} ..."
  install_packages "${missing[@]}" || die "apt-get could not install ${missing[*]}" 2
}

# ensure_dotnet: the .NET 10 SDK is the one thing that the project does not install itself.
ensure_dotnet() {
  if ! command -v dotnet >/dev/null 2>&1; then
    [[ -x $HOME/.dotnet/dotnet ]] || die "the .NET 10 SDK is missing: install it (https://dotnet.microsoft.com/download) and put dotnet in PATH"
    PATH=$HOME/.dotnet:$PATH
  fi
  export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
  export DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
}
