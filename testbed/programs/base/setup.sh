# What turns Debian's minimal image into a bare VPS; run once, in the image build (sh -euc).
export DEBIAN_FRONTEND=noninteractive
# Debian's Docker images change how apt and dpkg behave and forbid services; a VPS does not.
rm -f /etc/apt/apt.conf.d/docker-* /etc/dpkg/dpkg.cfg.d/docker-*
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get update -q
apt-get install -y -q --no-install-recommends \
    systemd systemd-sysv dbus openssh-server sudo iproute2 ca-certificates
rm -f /usr/sbin/policy-rc.d
useradd --create-home --shell /bin/bash --groups sudo admin
usermod --password '*' admin
echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
chmod 440 /etc/sudoers.d/admin
# A container has no disks and consoles of its own; apt's timers would hold its lock in a test.
systemctl mask -q apt-daily.timer apt-daily-upgrade.timer fstrim.timer console-getty.service \
    getty@.service systemd-pstore.service systemd-udevd.service systemd-udev-trigger.service
# What looks for such disks and consoles anew whenever systemd reloads, which deploys make it do
# often: a quarter of all the suite's time.
mkdir -p /etc/systemd/system-generators
for name in cryptsetup debug fstab getty gpt-auto hibernate-resume integritysetup rc-local run ssh \
    system-update tpm2 veritysetup; do
  ln -s /dev/null "/etc/systemd/system-generators/systemd-$name-generator"
done
systemctl set-default -q multi-user.target
# Bare: no package lists, no identity.
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/apt/* /var/log/dpkg.log
: > /etc/machine-id
