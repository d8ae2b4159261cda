# Sourced by the guest scripts: Debian packages of another architecture through a private apt root, checked caches,
# and initramfs archives that are the same byte for byte wherever they are built.
set -euo pipefail
export LC_ALL=C
umask 022
EMU_SAY_NAME=guest
guests_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
. "$guests_dir/../packages.sh"

# --- the host's mirrors ---------------------------------------------------------------------------------------------

# debian_mirrors: lines "archive|security URI KEYRING", from the host's own apt sources (one-line and deb822 alike: apt
# reads them for us). KEYRING is the entry's Signed-By file, or "-".
debian_mirrors() {
  local uri release entry file line keyring kind
  command -v apt-get >/dev/null || return 0
  while IFS='|' read -r uri release entry; do
    case $release in
      *-security | */updates) kind=security ;;
      *-backports* | *-proposed* | */*) continue ;;
      bookworm* | trixie* | forky* | sid | bullseye* | stable* | oldstable* | testing* | unstable*) kind=archive ;;
      *) continue ;;
    esac
    file=${entry%:*} line=${entry##*:} keyring=-
    if [[ $file == *.sources ]]; then
      keyring=$(awk -v n="$line" 'NR < n { next } /^[ \t]*$/ { exit } tolower($1) == "signed-by:" && $2 ~ /^\// { print $2; exit }' "$file" 2>/dev/null || true)
    elif [[ -r $file ]]; then
      keyring=$(sed -n "${line}s/.*[[ ]signed-by=\([^] ,]*\).*/\1/p" "$file")
    fi
    [[ -r ${keyring:--} ]] || keyring=-
    printf '%s %s %s\n' "$kind" "$uri" "$keyring"
  done < <(apt-get indextargets --format '$(SITE)|$(RELEASE)|$(SOURCESENTRY)' 'Created-By: Packages' 'Component: main' 2>/dev/null) |
    awk '!seen[$0]++'
}

# default_keyring: where Debian's archive keys are, or "-" for apt's own trusted keys.
default_keyring() {
  local f
  for f in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
    [[ -r $f ]] && { printf '%s' "$f"; return; }
  done
  printf '%s' -
}

# --- private apt ----------------------------------------------------------------------------------------------------

# apt_open DIR ARCH SUITE [deb-src]: makes the private apt root DIR for ARCH and SUITE and fetches its lists, of packages or
# of sources. The host's architectures, sources, lists and caches are neither read nor written; its proxy settings apply.
apt_open() {
  apt_root=$1
  local arch=$2 suite=$3 type=${4:-deb} kind uri keyring have_archive= have_security= fallback
  mkdir -p "$apt_root"/{etc/none,state/lists/partial,cache/archives/partial,debs}
  : >"$apt_root/state/status"
  fallback=$(default_keyring)
  add_source() { # URI RELEASE KEYRING
    local k=$3
    [[ $k == - ]] && k=$fallback
    [[ $k == - ]] && k= || k=" [signed-by=$k]"
    printf '%s%s %s %s main\n' "$type" "$k" "$1" "$2" >>"$apt_root/etc/sources.list"
  }
  : >"$apt_root/etc/sources.list"
  while read -r kind uri keyring; do
    if [[ $kind == archive && -z $have_archive ]]; then
      have_archive=1
      add_source "$uri" "$suite" "$keyring"
    elif [[ $kind == security && -z $have_security ]]; then
      have_security=1
      add_source "$uri" "$suite-security" "$keyring"
    fi
  done < <(debian_mirrors)
  [[ -n $have_archive ]] || die "apt on this machine knows no Debian archive to fetch from; add a Debian mirror to /etc/apt/sources.list"
  cat >"$apt_root/etc/apt.conf" <<CONF
Dir::State "$apt_root/state";
Dir::State::status "$apt_root/state/status";
Dir::Cache "$apt_root/cache";
Dir::Etc::sourcelist "$apt_root/etc/sources.list";
Dir::Etc::sourceparts "$apt_root/etc/none";
Dir::Etc::preferences "$apt_root/etc/none/preferences";
Dir::Etc::preferencesparts "$apt_root/etc/none";
APT::Architecture "$arch";
#clear APT::Architectures;
APT::Architectures { "$arch"; };
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
#clear Acquire::IndexTargets::deb::CNF;
Acquire::Languages "none";
Acquire::Retries "3";
APT::Update::Error-Mode "any";
APT::Sandbox::User "$(id -un 2>/dev/null || echo root)";
APT::Get::Assume-Yes "1";
CONF
  say "fetching the package lists of Debian $suite for $arch ..."
  apt_private get -qq update || apt_failed "the package lists of Debian $suite/$arch"
}

# apt_private TOOL ARGS...: apt-TOOL on the private root; what it says is kept for the error message. What fetches is tried again when
# the mirror fails.
apt_private() {
  local tool=$1 wait
  shift
  case " $* " in
    *' update '* | *' download '* | *' --download-only '*)
      for wait in 10 30; do
        "apt-$tool" -c "$apt_root/etc/apt.conf" "$@" </dev/null 2>>"$apt_root/log" && return 0
        say "the mirror failed: once more in $wait s ..."
        sleep "$wait"
      done
      ;;
  esac
  "apt-$tool" -c "$apt_root/etc/apt.conf" "$@" </dev/null 2>>"$apt_root/log"
}

apt_failed() {
  tail -n 5 "$apt_root/log" >&2 2>/dev/null || true
  die "cannot fetch $1 from the mirrors in $(cut -d' ' -f2- "$apt_root/etc/sources.list" | tr '\n' ';')" 3
}

# apt_version PACKAGE: the newest version there is.
apt_version() { apt_private cache show --no-all-versions "$1" | sed -n 's/^Version: //p' | head -n 1; }

# apt_dependency PACKAGE PATTERN: the first dependency of PACKAGE whose name matches the shell PATTERN (what a
# meta-package such as linux-image-cloud-arm64 stands for).
apt_dependency() {
  local name
  while read -r name; do
    # shellcheck disable=SC2254
    case $name in $2) printf '%s\n' "$name"; return 0 ;; esac
  done < <(apt_private cache show --no-all-versions "$1" | sed -n 's/^Depends: //p' | tr ',|' '\n\n' | sed 's/^ *//; s/[ (:].*//')
  return 1
}

# apt_fetch PACKAGE: downloads it (apt checks its hash against the signed lists) and prints the file's path.
apt_fetch() {
  local version
  version=$(apt_version "$1")
  [[ -n $version ]] || apt_failed "package $1"
  say "fetching $1 $version ..."
  rm -f "$apt_root/debs/$1"_*.deb
  (cd "$apt_root/debs" && apt_private get -qq download "$1" >/dev/null) || apt_failed "package $1"
  local debs=("$apt_root/debs/$1"_*.deb)
  [[ -s ${debs[0]} ]] || apt_failed "package $1"
  printf '%s\n' "${debs[0]}"
}

# deb_list DEB: the paths in a package. deb_extract DEB DIR PATH...: unpacks some of them.
deb_list() { dpkg-deb --fsys-tarfile "$1" | tar -tf -; }
deb_extract() {
  local deb=$1 dir=$2
  shift 2
  mkdir -p "$dir"
  dpkg-deb --fsys-tarfile "$deb" | tar -xf - --no-same-owner -C "$dir" "$@"
}

# --- checked directories --------------------------------------------------------------------------------------------

# seal DIR: records the SHA-256 of every file in DIR, and sizes and times for the quick check.
seal() {
  (cd "$1" && find . -type f ! -name SHA256SUMS ! -name .stamp -printf '%P\n' | sort | xargs -d '\n' sha256sum >SHA256SUMS)
  stamp "$1"
}

stamp() { (cd "$1" && stamp_text >.stamp.new && mv -f .stamp.new .stamp); }

stamp_text() {
  # shellcheck disable=SC2046
  stat -c '%n %s %.9Y' -- SHA256SUMS $(cut -c67- SHA256SUMS)
}

# intact DIR: true when DIR is what seal saw. Sizes and times decide; where they differ the hashes do.
intact() {
  [[ -r $1/SHA256SUMS && -s $1/SHA256SUMS ]] || return 1
  if [[ -r $1/.stamp && $(cd "$1" && stamp_text 2>/dev/null) == "$(<"$1/.stamp")" ]]; then return 0; fi
  (cd "$1" && sha256sum --quiet --strict -c SHA256SUMS >/dev/null 2>&1) || return 1
  stamp "$1" 2>/dev/null || true
}

# publish NEW DIR: puts the finished directory NEW in DIR's place. The caller holds the lock.
publish() {
  local old
  old=$2.old.$$
  rm -rf "$old"
  [[ ! -e $2 ]] || mv -T "$2" "$old"
  mv -T "$1" "$2"
  rm -rf "$old"
}

# --- initramfs ------------------------------------------------------------------------------------------------------

# The "newc" format (Linux, driver-api/early-userspace/buffer-format): written here rather than by cpio(1) so that
# inode numbers, link counts, owners, times and modes do not depend on the host.
cpio_begin() { cpio_inode=0; }

# cpio_entry NAME MODE SIZE [RDEV_MAJOR RDEV_MINOR]: a header; MODE is octal with the file type.
cpio_entry() {
  local size=$(( ${#1} + 1 )) links=1
  cpio_inode=$((cpio_inode + 1))
  [[ $2 == 04* ]] && links=2
  printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\0' \
    "$cpio_inode" "$(($2))" 0 0 "$links" 0 "$3" 0 0 "${4:-0}" "${5:-0}" "$size" 0 "$1"
  cpio_pad $((110 + size))
}
cpio_pad() {
  case $(( $1 & 3 )) in 1) printf '\0\0\0' ;; 2) printf '\0\0' ;; 3) printf '\0' ;; esac
}
cpio_dir() { cpio_entry "$1" 0040755 0; }
cpio_node() { cpio_entry "$1" "$2" 0 "$3" "$4"; }
cpio_link() { # NAME TARGET
  cpio_entry "$1" 0120777 ${#2}
  printf '%s' "$2"
  cpio_pad ${#2}
}
cpio_file() { # NAME MODE SOURCE
  local size
  size=$(stat -Lc %s -- "$3")
  cpio_entry "$1" "010$2" "$size"
  cat -- "$3"
  cpio_pad "$size"
}
cpio_end() { cpio_entry 'TRAILER!!!' 0 0; }

# busybox_applets FILE: the names in a busybox program's applet table, one a line (the program cannot be asked: it is
# another architecture's). The table is the long NUL-separated list that starts with "[" and "[[".
busybox_applets() {
  tr '\0\n' '\n\0' <"$1" | awk '
    function finish() { if (n > 100) { print "["; for (i = 0; i < n; i++) print name[i]; done = 1; exit } n = 0 }
    $0 == "[[" { finish(); name[n++] = $0; next }
    n && /^[a-z0-9][a-z0-9_.+-]*$/ { name[n++] = $0; next }
    n { finish() }
    END { if (!done) finish() }'
}

# busybox_initramfs DIR OUT: an initramfs of DIR/busybox, this folder's initramfs/ files, DIR/modules/*.ko in the order
# of DIR/modules/order, and DIR/library/VERSION/* as /lib/modules/VERSION.
busybox_initramfs() {
  local dir=$1 out=$2 applet f library
  mapfile -t applets < <(busybox_applets "$dir/busybox")
  ((${#applets[@]} > 100)) || die "busybox's applet table was not found in $dir/busybox" 3
  {
    cpio_begin
    for f in bin dev etc etc/acpi etc/acpi/PWRF modules proc root sys tmp usr; do cpio_dir "$f"; done
    cpio_link sbin bin
    cpio_link usr/bin ../bin
    cpio_link usr/sbin ../bin
    cpio_node dev/console 0020600 5 1
    cpio_node dev/null 0020666 1 3
    cpio_file bin/busybox 0755 "$dir/busybox"
    for applet in "${applets[@]}"; do
      [[ $applet == busybox ]] || cpio_link "bin/$applet" busybox
    done
    cpio_file init 0755 "$guests_dir/initramfs/init"
    cpio_file etc/profile 0644 "$guests_dir/initramfs/profile"
    cpio_file etc/passwd 0644 "$guests_dir/initramfs/passwd"
    cpio_file etc/acpi/PWRF/00000080 0755 "$guests_dir/initramfs/power-button"
    if [[ -e $dir/modules/order ]]; then
      cpio_file modules/order 0644 "$dir/modules/order"
      while read -r f; do cpio_file "modules/$f" 0644 "$dir/modules/$f"; done <"$dir/modules/order"
    fi
    for library in "$dir"/library/*/; do
      [[ -d $library ]] || continue
      library=${library%/}
      for f in lib lib/modules "lib/modules/${library##*/}"; do cpio_dir "$f"; done
      for f in "$library"/*; do cpio_file "lib/modules/${library##*/}/${f##*/}" 0644 "$f"; done
    done
    cpio_end
  } >"$out"
}

# has_driver TREE VERSION NAME: true when the kernel has the driver, as a module or built in.
has_driver() {
  local base=$1/lib/modules/$2
  [[ -n $(find "$base" -name "$3.ko*" -print -quit) ]] || grep -qsE "/$3\.ko\$" "$base/modules.builtin"
}

# unpack_module SOURCE OUT: a module's file, decompressed.
unpack_module() {
  case $1 in
    *.xz) xz -dc "$1" >"$2" ;;
    *.zst) zstd -qdc "$1" >"$2" ;;
    *) cp "$1" "$2" ;;
  esac
}

# module_info FILE KEY: the values that the module's .modinfo section has for KEY, one a line.
module_info() { tr '\0' '\n' <"$1" | sed -n "s/^$2=//p"; }

# kernel_modules TREE VERSION OUT NAME...: copies modules and what they depend on from TREE/lib/modules/VERSION to OUT,
# uncompressed, with the loading order in OUT/order. What is built into the kernel or absent from it is left out.
kernel_modules() {
  local base=$1/lib/modules/$2 out=$3 name path
  shift 3
  mkdir -p "$out"
  : >"$out/order"
  for name in "$@"; do
    path=$(cd "$base" && find . -name "$name.ko*" -print -quit)
    [[ -n $path ]] || continue
    unpack_module "$base/$path" "$out/$name.ko"
    printf '%s\n' "$name.ko" >>"$out/order"
  done
}

# module_library TREE VERSION OUT PATTERN...: the modules whose path below kernel/ matches a shell PATTERN, and all that
# they depend on, uncompressed in OUT, with what modprobe reads: modules.dep and modules.alias.
module_library() {
  local base=$1/lib/modules/$2/kernel out=$3 path name dependency pattern i
  shift 3
  local -A found=() needs=()
  local -a wanted=()
  mkdir -p "$out"
  while read -r path; do
    name=${path##*/}
    name=${name%%.ko*}
    found[${name//-/_}]=$path
    for pattern in "$@"; do
      # shellcheck disable=SC2053
      [[ ${path#./} != $pattern ]] || { wanted+=("${name//-/_}"); break; }
    done
  done < <(cd "$base" && find . -name '*.ko*' | sort)
  for ((i = 0; i < ${#wanted[@]}; i++)); do
    name=${wanted[i]}
    [[ -z ${needs[$name]+x} ]] || continue
    unpack_module "$base/${found[$name]}" "$out/$name.ko"
    needs[$name]=
    for dependency in $(module_info "$out/$name.ko" depends | tr ',-' ' _'); do
      [[ -n ${found[$dependency]:-} ]] || die "module $name needs $dependency, and the kernel package has none" 3
      needs[$name]+=" $dependency"
      wanted+=("$dependency")
    done
  done
  # A line of modules.dep names all that a module needs, what is loaded last first.
  closure() {
    local d
    for d in ${needs[$1]}; do
      [[ " $order " == *" $d "* ]] || { closure "$d"; order="$d $order"; }
    done
  }
  for name in "${!needs[@]}"; do
    local order=
    closure "$name"
    printf '%s.ko:' "$name"
    for dependency in $order; do printf ' %s.ko' "$dependency"; done
    printf '\n'
  done | sort >"$out/modules.dep"
  for name in "${!needs[@]}"; do
    module_info "$out/$name.ko" alias | sed "s/.*/alias & $name/"
  done | sort >"$out/modules.alias"
}
