// The options of PCI devices: what each accepts, and the one line that each mistake gets.
using Emu.Devices.Net.Stream;
using Emu.Devices.Net.Tap;
using Emu.Devices.Net.User;
using Emu.Devices.Storage;
using Emu.Machine.Options;

namespace Emu.Machine.Tests;

public class DeviceOptionTests
{
    [Fact]
    public void Disk_HasCloudHypervisorsDefaults()
    {
        var disk = DiskOption.Parse("path=/x");
        Assert.Equal("/x", disk.Path);
        Assert.Equal((1, 128, ""), (disk.Device.Queues, disk.Device.QueueSize, disk.Device.Serial));
        Assert.Equal((false, false, false, true, DiskImageType.Auto), (disk.Image.ReadOnly, disk.Image.Direct, disk.Image.BackingFiles, disk.Image.Sparse, disk.Image.ImageType));
        Assert.Equal(default, disk.Place);
    }

    [Fact]
    public void Disk_TakesEveryKey()
    {
        var disk = DiskOption.Parse(
            "path=/x,readonly=on,direct=true,backing_files=on,sparse=off,image_type=qcow2,num_queues=4,queue_size=256,serial=S,id=root,pci_segment=1,pci_device_id=9,iommu=off");
        Assert.Equal((4, 256, "S"), (disk.Device.Queues, disk.Device.QueueSize, disk.Device.Serial));
        Assert.Equal((true, true, true, false, DiskImageType.Qcow2), (disk.Image.ReadOnly, disk.Image.Direct, disk.Image.BackingFiles, disk.Image.Sparse, disk.Image.ImageType));
        Assert.Equal(new PciPlacement("root", 1, 9), disk.Place);
    }

    [Theory]
    [InlineData("readonly=on", "path= is missing; expected path=FILE")]
    [InlineData("/x", "'/x' is not key=value")]
    [InlineData("path=/x,readonly=yes", "'yes' is neither on nor off")]
    [InlineData("path=/x,image_type=vmdk", "image_type 'vmdk' is unknown; expected raw, qcow2, fixedvhd or vhdx")]
    [InlineData("path=/x,num_queues=0", "not a whole number from 1")]
    [InlineData("path=/x,pci_device_id=32", "from 1 to 31")]
    [InlineData("path=/x,iommu=yes", "'yes' is neither on nor off")]
    [InlineData("path=/x,vhost_user=on", "unknown key 'vhost_user'")]
    public void Disk_Rejects(string text, string message) => OptionTests.Rejects(() => DiskOption.Parse(text), "--disk", message);

    [Fact]
    public void Net_KnowsFourBackEnds()
    {
        var user = Assert.IsType<UserNetOptions>(NetOption.Parse("mode=user,hostfwd=[tcp::2222-:22,udp::53-:53]").Backend);
        Assert.Equal(["tcp::2222-:22", "udp::53-:53"], user.Forwards.Select(f => f.ToString()));
        Assert.Equal("tcp::2222-:22", Assert.Single(Assert.IsType<UserNetOptions>(NetOption.Parse("hostfwd=tcp::2222-:22").Backend).Forwards).ToString());
        Assert.Equal(new SocketNetOptions("/s", true), NetOption.Parse("socket=/s,listen=on").Backend);
        Assert.Equal(new PasstNetOptions("/s"), NetOption.Parse("mode=passt,socket=/s").Backend);
        Assert.Equal(new TapNetOptions("tap0"), NetOption.Parse("tap=tap0").Backend);
    }

    [Fact]
    public void Net_TakesEveryKeyOfTheCard()
    {
        var net = NetOption.Parse("mode=user,mac=52:54:00:12:34:56,mtu=9000,num_queues=4,queue_size=512,offload_tso=off,offload_ufo=off,offload_csum=off,id=n,pci_segment=2");
        Assert.Equal("52:54:00:12:34:56", net.Mac.ToString());
        Assert.Equal((9000, 4, 512), (net.Device.Mtu, net.Device.QueueCount, net.Device.QueueSize));
        Assert.False(net.Device.OffloadTso || net.Device.OffloadUfo || net.Device.OffloadChecksum);
        Assert.Equal(new PciPlacement("n", 2), net.Place);
        Assert.Null(NetOption.Parse("mode=user").Mac);
    }

    [Theory]
    [InlineData("mode=bridge", "mode 'bridge' is unknown; expected user, passt, socket or tap")]
    [InlineData("mode=passt", "socket= is missing; expected mode=passt,socket=PATH")]
    [InlineData("mode=user,socket=/s", "socket= has no meaning with mode=user")]
    [InlineData("tap=t,hostfwd=tcp::1-:1", "hostfwd= has no meaning with mode=tap")]
    [InlineData("mode=user,mac=1:2", "'1:2' is not the address of a card")]
    [InlineData("mode=user,mac=01:00:00:00:00:00", "the first one even")]
    [InlineData("mode=user,mtu=10", "from 68 to 65535")]
    public void Net_Rejects(string text, string message) => OptionTests.Rejects(() => NetOption.Parse(text), "--net", message);

    [Fact]
    public void Net_RejectsAnOddNumberOfQueuesAndABadForward()
    {
        OptionTests.Rejects(() => NetOption.Parse("mode=user,num_queues=3"), "--net", "even number");
        OptionTests.Rejects(() => NetOption.Parse("hostfwd=tcp:22"), "hostfwd=tcp:22", "such as tcp::2222-:22");
    }

    [Fact]
    public void OtherDevices_TakeTheirKeys()
    {
        Assert.Equal(new ConsoleOption(new SerialOption(SerialMode.File, "/c"), new PciPlacement("c")), ConsoleOption.Parse("file=/c,id=c"));
        Assert.Equal(new RngOption(new PciPlacement("r", 0, 3)), RngOption.Parse("src=/dev/urandom,id=r,pci_device_id=3"));
        Assert.Equal(new BalloonOption(64 << 20, true, true, default), BalloonOption.Parse("size=64M,deflate_on_oom=on,free_page_reporting=on"));
        Assert.Equal(new BalloonOption(0, false, false, default), BalloonOption.Parse("size=0"));
        Assert.Equal(new PmemOption("/p", 2 << 20, true, default), PmemOption.Parse("file=/p,size=2M,discard_writes=on"));
        Assert.Equal(new VsockOption(3, "/v", default), VsockOption.Parse("cid=3,socket=/v"));
    }

    [Fact]
    public void OtherDevices_RejectWhatTheyDoNotHave()
    {
        OptionTests.Rejects(() => ConsoleOption.Parse("pty"), "--console 'pty'", "expected tty, file=PATH, null, off or socket=PATH");
        OptionTests.Rejects(() => RngOption.Parse("src=/etc/passwd"), "--rng", "fed by the host's generator");
        OptionTests.Rejects(() => BalloonOption.Parse("deflate_on_oom=on"), "--balloon", "size= is missing");
        OptionTests.Rejects(() => PmemOption.Parse("size=2M"), "--pmem", "file= is missing");
        OptionTests.Rejects(() => VsockOption.Parse("cid=2,socket=/v"), "--vsock cid=2", "not a whole number from 3");
        OptionTests.Rejects(() => VsockOption.Parse("cid=3"), "--vsock", "socket= is missing");
    }

    [Fact]
    public void Devices_NeedTheirSegmentAndTheirOwnId()
    {
        var far = new DeviceOptions { Disks = [DiskOption.Parse("path=/x,pci_segment=1")] };
        OptionTests.Rejects(() => far.Validate(1), "--disk pci_segment=1", "give --platform num_pci_segments=2 or more");
        far.Validate(2);
        var twins = new DeviceOptions { Disks = [DiskOption.Parse("path=/x,id=a")], Nets = [NetOption.Parse("mode=user,id=a")] };
        OptionTests.Rejects(() => twins.Validate(1), "--net id=a", "another device has this id");
    }
}
