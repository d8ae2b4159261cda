# Sourced by the guest scripts of Debian's arm64 kernels: fetches a kernel and busybox, keeps them checked, builds the
# initramfs, prints the paths.
. "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/lib.sh"

# What the guests of the full kernels carry for modprobe: self-tests, cryptography, virtio and the file systems of disks.
full_kernel_modules='arch/arm64/crypto/* arch/arm64/lib/* crypto/* lib/test_* lib/crypto/* lib/raid6/* drivers/virtio/*
  drivers/block/virtio_blk* drivers/net/virtio_net* drivers/char/virtio_console* drivers/char/hw_random/virtio-rng* fs/ext4/*
  fs/fuse/virtiofs* net/vmw_vsock/*virtio* drivers/iommu/virtio-iommu*
  drivers/firmware/qemu_fw_cfg* fs/efivarfs/*'

kernel_guest_usage() {
  cat <<TEXT
Usage: testroms/guests/$name [--print-paths] [--suite NAME] [--refresh]
  --print-paths   provide the guest, then print kernel=PATH and initramfs=PATH (the default)
  --suite NAME    the Debian release to take it from (default: $suite)
  --refresh       fetch again even if the cached guest is whole
Kept under \${XDG_CACHE_HOME:-~/.cache}/emu/guests. Progress goes to standard error.
TEXT
}

# kernel_guest NAME SUITE PACKAGE LIBRARY ARGS...: provides the guest NAME: the kernel that the meta-package PACKAGE stands
# for in the Debian release SUITE. LIBRARY: the shell patterns, separated by blanks, of the modules that modprobe finds in
# the guest, as paths below lib/modules/VERSION/kernel. ARGS: the script's own.
kernel_guest() {
  local name=$1 suite=$2 default_suite=$2 meta=$3 library=$4 refresh=
  shift 4
  EMU_SAY_NAME=$name
  while (($#)); do
    case $1 in
      --print-paths) ;;
      --refresh) refresh=1 ;;
      --suite) [[ ${2:-} =~ ^[a-z]+$ ]] || die "--suite takes the name of a Debian release, such as bookworm"; suite=$2; shift ;;
      --help | -h) kernel_guest_usage; exit 0 ;;
      *) die "unknown option '$1'; see $0 --help" ;;
    esac
    shift
  done
  [[ $suite == "$default_suite" ]] || name=$name-$suite
  EMU_SAY_NAME=$name
  local cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/emu/guests/$name recipe
  mkdir -p "$cache" 2>/dev/null || die "cannot write to $cache: give a writable directory in XDG_CACHE_HOME"
  recipe=$({ cat "$guests_dir/lib.sh" "$guests_dir"/initramfs/*; printf '%s' "$library"; } | sha256sum | cut -c1-12)
  local packages=$cache/packages image=$cache/initramfs-$recipe
  if [[ -n $refresh ]] || ! intact "$packages" || ! intact "$image"; then
    exec 9>"$cache/lock"
    flock -n 9 || { say "waiting for another fetch of this guest ..."; flock 9; }
    work=$cache/.work.$$
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM
    find "$cache" -maxdepth 1 -name '.work.*' -exec rm -rf {} +
    mkdir -p "$work"
    if [[ -n $refresh ]] || ! intact "$packages" || [[ $(cat "$packages/library.txt" 2>/dev/null) != "$library" ]]; then
      [[ -n $refresh || ! -e $packages ]] || intact "$packages" || say "the cached packages are damaged: fetching them again"
      kernel_packages "$suite" "$meta" "$library" "$work/packages"
      publish "$work/packages" "$packages"
      refresh=1
    fi
    if [[ -n $refresh ]] || ! intact "$image"; then
      say "building the initramfs ..."
      mkdir -p "$work/image"
      busybox_initramfs "$packages" "$work/image/initramfs.cpio"
      seal "$work/image"
      publish "$work/image" "$image"
      # Other recipes' images, of other checkouts, stay for a month.
      find "$cache" -maxdepth 1 -name 'initramfs-*' -mtime +30 ! -path "$image" -exec rm -rf {} +
    fi
  fi
  printf 'kernel=%s\ninitramfs=%s\n' "$packages/vmlinuz" "$image/initramfs.cpio"
}

# kernel_packages SUITE META LIBRARY NEW: what the packages give: NEW/vmlinuz, NEW/busybox, NEW/modules, NEW/library/VERSION.
kernel_packages() {
  local suite=$1 meta=$2 new=$4 image_package kernel_deb busybox_deb version vmlinuz busybox tree deb
  local -a patterns
  read -rd "" -a patterns <<<"$3" || true
  ensure_packages apt-get=apt dpkg-deb=dpkg tar=tar xz=xz-utils
  apt_open "$work/apt" arm64 "$suite"
  image_package=$(apt_dependency "$meta" 'linux-image-[0-9]*') || apt_failed "package $meta"
  kernel_deb=$(apt_fetch "$image_package")
  busybox_deb=$(apt_fetch busybox-static)
  say "unpacking ..."
  version=${image_package#linux-image-}
  mkdir -p "$new"
  deb_extract "$busybox_deb" "$work/busybox" --wildcards '*/bin/busybox'
  deb_extract "$kernel_deb" "$work/kernel" --wildcards './boot/vmlinuz-*' '*/modules.builtin' '*.ko*' 2>/dev/null || true
  vmlinuz=$(find "$work/kernel/boot" -name 'vmlinuz-*' -print -quit)
  [[ -s $vmlinuz ]] || die "the package $image_package holds no kernel" 3
  mv "$vmlinuz" "$new/vmlinuz"
  busybox=$(find "$work/busybox" -type f -name busybox -print -quit)
  [[ -s $busybox ]] || die "the package busybox-static holds no busybox" 3
  mv "$busybox" "$new/busybox"
  [[ -d $work/kernel/usr/lib/modules ]] && tree=$work/kernel/usr || tree=$work/kernel
  # The power button takes three drivers. A kernel without the one for keys (the cloud kernel has none) gets no handler.
  if has_driver "$tree" "$version" gpio_keys; then
    kernel_modules "$tree" "$version" "$new/modules" gpio-pl061 evdev gpio_keys
  fi
  ((${#patterns[@]} == 0)) || module_library "$tree" "$version" "$new/library/$version" "${patterns[@]}"
  [[ -z $3 ]] || printf '%s\n' "$3" >"$new/library.txt"
  for deb in "$kernel_deb" "$busybox_deb"; do sha256sum "$deb" | sed "s|  .*/|  |"; done >"$new/packages.txt"
  seal "$new"
}
