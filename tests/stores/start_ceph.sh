#!/bin/bash
# One-node Ceph with an S3 gateway. $1 = an empty work folder, $2 = S3 port, $3 and $4 = ports of the monitor. Keys: AK / SK.
set -e
D=$(realpath -m "$1"); PORT=${2:-7480}
u() { python3 -c 'import uuid; print(uuid.uuid4())'; }
mkdir -p "$D"/{mon,mgr,osd,rgw,run,log}; cd "$D"; FSID=$(u)
cat > ceph.conf <<C
[global]
fsid = $FSID
mon host = [v2:127.0.0.1:$3,v1:127.0.0.1:$4]
public addr = 127.0.0.1
run dir = $D/run
log file = $D/log/\$name.log
admin socket = $D/run/\$name.asok
keyring = $D/keyring
mon data = $D/mon
mgr data = $D/mgr
osd data = $D/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail warn = 5
auth allow insecure global id reclaim = false
rgw frontends = beast endpoint=127.0.0.1:$PORT tcp_nodelay=1
rgw dns name = localhost
C
C="-c $D/ceph.conf"
ceph-authtool --create-keyring keyring --gen-key -n mon. --cap mon 'allow *' >/dev/null
ceph-authtool keyring --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *' >/dev/null
monmaptool --create --fsid $FSID --addv a "[v2:127.0.0.1:$3,v1:127.0.0.1:$4]" monmap >/dev/null
ceph-mon $C --mkfs -i a --monmap monmap --keyring keyring
ceph-mon $C -i a --pid-file run/mon.pid
OSD=$(u); ID=$(ceph $C osd new $OSD)
ceph $C auth get-or-create osd.$ID mon 'allow profile osd' mgr 'allow profile osd' osd 'allow *' >> keyring
ceph $C auth get-or-create mgr.x mon 'allow profile mgr' osd 'allow *' >> keyring
ceph-osd $C -i $ID --mkfs --osd-uuid $OSD
ceph-osd $C -i $ID --pid-file run/osd.pid
ceph-mgr $C -i x --pid-file run/mgr.pid
ceph $C auth get-or-create client.rgw.a mon 'allow rwx' osd 'allow rwx' > rgw/keyring
radosgw $C -n client.rgw.a --keyring rgw/keyring --rgw-data "$D/rgw" -f > log/rgw.out 2>&1 &
echo $! > run/rgw.pid
until curl -s -o /dev/null http://127.0.0.1:$PORT/; do sleep 0.2; done
radosgw-admin $C user create --uid=test --display-name=test --access-key=AK --secret-key=SK > /dev/null
