// Back ends on a Unix stream socket: two machines on one cable, and the real passt.
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Emu.Core;
using Emu.Devices.Net.Stream;
using Emu.Devices.Tests.Virtio.Net;

namespace Emu.Devices.Tests.Net;

/// <summary>Skips when passt is not installed.</summary>
public sealed class PasstTheoryAttribute : TheoryAttribute
{
    public PasstTheoryAttribute()
    {
        if (!File.Exists("/usr/bin/passt"))
        {
            Skip = "passt is not installed (package passt)";
        }
    }
}

public sealed class StreamBackendTests : IDisposable
{
    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("emu-net");

    private string Path => System.IO.Path.Combine(directory.FullName, "s");

    public void Dispose() => directory.Delete(true);

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(false, MockNetDriver.Csum | MockNetDriver.HostTso4)]
    public void TwoMachines_OnOneCable(bool deterministic, ulong features)
    {
        using var a = new NetMachine(deterministic, new SocketNetOptions(Path, true), features | MockNetDriver.Status, 0x0200_0000_000A);
        Assert.Equal(0, a.Driver.Driver.ReadDeviceConfig(6, 1)[0]);
        using var b = new NetMachine(deterministic, new SocketNetOptions(Path, false), features, 0x0200_0000_000B);
        Assert.True(SpinWait.SpinUntil(() => { a.Pump(); return a.Driver.Driver.ReadDeviceConfig(6, 1)[0] == 1; }, Patience.Limit), "the link stays down");
        for (var i = 0; i < 300; i++)
        {
            var (from, to) = i % 2 == 0 ? (a, b) : (b, a);
            var frame = Packets.Ethernet([2, 0, 0, 0, 0, (byte)(i % 2 == 0 ? 0xB : 0xA)], Packets.MacA, 0x88B5, RandomNumberGenerator.GetBytes(50 + (i * 4)));
            from.Driver.Send(frame);
            Assert.Equal(frame, to.Driver.Wait(_ => true, "the frame", to.Pump).Data);
        }

        if (features != 0)
        {
            // A large segment arrives in pieces that fit the MTU, with whole checksums.
            var payload = RandomNumberGenerator.GetBytes(20_000);
            var large = Packets.Ethernet(Packets.MacB, Packets.MacA, 0x800, Packets.Tcp(Packets.IpA, Packets.IpB, 1, 2, 0, 0, 0x10, payload));
            Packets.MakePartial(large, 34, 16, Packets.IpA, Packets.IpB, 6);
            a.Driver.Send(large, new() { Flags = 1, Type = 1, SegmentSize = 1460, ChecksumStart = 34, ChecksumOffset = 16 });
            List<byte> got = [];
            while (got.Count < payload.Length)
            {
                got.AddRange(Packets.AssertSound(b.Driver.Wait(_ => true, "a piece", b.Pump).Data)[20..]);
            }

            Assert.Equal(payload, got);
        }
    }

    [Fact]
    public void PeerThatLeaves_TakesTheLinkDown_AndTheNextBringsItUp()
    {
        using var a = new NetMachine(false, new SocketNetOptions(Path, true), MockNetDriver.Status);
        for (var i = 0; i < 3; i++)
        {
            using (new NetMachine(false, new SocketNetOptions(Path, false)))
            {
                Assert.True(SpinWait.SpinUntil(() => a.Driver.Driver.ReadDeviceConfig(6, 1)[0] == 1, Patience.Limit), "the link stays down");
            }

            Assert.True(SpinWait.SpinUntil(() => a.Driver.Driver.ReadDeviceConfig(6, 1)[0] == 0, Patience.Limit), "the link stays up");
        }

        Patience.Until(() => a.Harness.Msi.Count(100) >= 6, "not every change was told");
    }

    [Fact]
    public void ConnectingEnd_ComesBack_WhenTheListenerDoes()
    {
        var listener = new NetMachine(true, new SocketNetOptions(Path, true));
        using var b = new NetMachine(true, new SocketNetOptions(Path, false), MockNetDriver.Status);
        listener.Dispose();
        Assert.True(SpinWait.SpinUntil(() => { b.Pump(); return b.Driver.Driver.ReadDeviceConfig(6, 1)[0] == 0; }, Patience.Limit), "the link stays up");
        using var again = new NetMachine(true, new SocketNetOptions(Path, true));
        Assert.True(SpinWait.SpinUntil(() => { b.Pump(); return b.Driver.Driver.ReadDeviceConfig(6, 1)[0] == 1; }, Patience.Limit), "the link stays down");
    }

    [Fact]
    public void PeerThatSendsNonsense_IsCutOff()
    {
        using var a = new NetMachine(false, new SocketNetOptions(Path, true));
        using var s = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = (int)Patience.Limit.TotalMilliseconds };
        s.Connect(new UnixDomainSocketEndPoint(Path));
        s.Send([0, 0, 0, 1, 9, 0xFF, 0xFF, 0xFF, 0xFF]);
        Assert.Equal(0, s.Receive(new byte[1], SocketFlags.None, out var end));
        Assert.True(end is SocketError.Success or SocketError.ConnectionReset, $"{end}");
    }

    [Fact]
    public void NobodyThere_OrAPathThatIsTaken_IsAnError()
    {
        Assert.Contains("cannot connect to the socket", Assert.Throws<EmuException>(() => new NetMachine(true, new SocketNetOptions(Path, false))).Message);
        using var a = new NetMachine(true, new SocketNetOptions(Path, true));
        Assert.Contains("is in use by a running process", Assert.Throws<EmuException>(() => new NetMachine(true, new SocketNetOptions(Path, true))).Message);
    }

    [PasstTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Passt_GivesAnAddress_AndForwardsAPort(bool deterministic)
    {
        var port = HostPort.Free();
        var user = Environment.IsPrivilegedProcess ? new[] { "--runas", "0" } : [];
        using var passt = Process.Start(new ProcessStartInfo("passt", ["--foreground", "--quiet", "--one-off", "--socket", Path, "--tcp-ports", $"127.0.0.1/{port}:22", "--no-map-gw", .. user])
        {
            RedirectStandardError = true,
        })!;
        try
        {
            Assert.True(SpinWait.SpinUntil(() => UnixListener.IsAt(Path) || passt.HasExited, Patience.Limit) && !passt.HasExited, $"passt: {(passt.HasExited ? passt.StandardError.ReadToEnd() : "no socket")}");
            using var m = new NetMachine(deterministic, new PasstNetOptions(Path));
            m.Stack.Dhcp();
            Assert.NotEqual([0, 0, 0, 0], m.Stack.Address);
            m.Stack.Arp(m.Stack.Gateway);
            using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            client.Connect(IPAddress.Loopback, port);
            m.Stack.Accept(22);
            client.Send("hello guest"u8);
            Assert.Equal("hello guest"u8.ToArray(), m.Stack.Read(11));
            m.Stack.Write("hello host"u8.ToArray(), large: false);
            var buffer = new byte[100];
            Assert.Equal(10, client.Receive(buffer));
        }
        finally
        {
            passt.Kill();
            passt.WaitForExit();
        }
    }
}
