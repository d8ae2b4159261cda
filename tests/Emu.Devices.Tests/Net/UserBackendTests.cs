// User-mode networking with the real libslirp: a small guest stack does ARP, DHCP, ping, UDP and TCP in both directions.
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Emu.Core;
using Emu.Devices.Net;
using Emu.Devices.Net.User;
using Emu.Devices.Tests.Virtio.Net;
using Emu.Devices.Virtio;

namespace Emu.Devices.Tests.Net;

/// <summary>Skips when libslirp is not installed.</summary>
public sealed class SlirpTheoryAttribute : TheoryAttribute
{
    public SlirpTheoryAttribute()
    {
        if (!System.Runtime.InteropServices.NativeLibrary.TryLoad("libslirp.so.0", out _))
        {
            Skip = "libslirp.so.0 is not installed (package libslirp0)";
        }
    }
}

public class UserBackendTests
{
    private static readonly byte[] HostAddress = [10, 0, 2, 2];

    [SlirpTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Dhcp_GivesAddressGatewayAndNameServer_AndTheGatewayAnswersArpAndPing(bool deterministic)
    {
        using var m = Machine(deterministic);
        var options = m.Stack.Dhcp();
        Assert.Equal([10, 0, 2, 15], m.Stack.Address);
        Assert.Equal(HostAddress, options[3]);
        Assert.Equal([10, 0, 2, 3], options[6]);
        Assert.Equal("emu-guest"u8.ToArray(), options[12]);
        Assert.Equal([0x52, 0x55, 10, 0, 2, 2], m.Stack.Arp(HostAddress));
        Assert.Equal([1, 2, 3, 4], m.Stack.Ping(HostAddress, [1, 2, 3, 4]));
    }

    [SlirpTheory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(false, NetMachine.Offloads)]
    [InlineData(true, NetMachine.Offloads)]
    public void TcpToTheHost_CarriesEveryByteBothWays(bool deterministic, ulong features)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var m = Machine(deterministic, features);
        m.Stack.Dhcp();
        m.Stack.Arp(HostAddress);
        m.Stack.Connect(HostAddress, ((IPEndPoint)listener.LocalEndpoint).Port);
        using var server = listener.AcceptTcpClient();
        var data = RandomNumberGenerator.GetBytes(300_000);
        var buffer = new byte[data.Length];
        var echoed = new Background(() =>
        {
            server.GetStream().ReadExactly(buffer);
            server.GetStream().Write(buffer);
            server.Close();
        });
        m.Stack.Write(data, large: features != 0);
        Assert.Equal(data, m.Stack.Read(data.Length));
        echoed.Join();
        Assert.True(buffer.AsSpan().SequenceEqual(data));
        m.Stack.Close();
        if (features != 0)
        {
            Assert.InRange(m.Stack.LargestFrame, 4000, NetFrame.MaximumLength);
        }
        else
        {
            Assert.InRange(m.Stack.LargestFrame, 100, 1514);
        }
    }

    [SlirpTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void ForwardedTcpPort_ReachesTheGuest(bool deterministic)
    {
        var port = HostPort.Free();
        using var m = Machine(deterministic, 0, $"tcp:127.0.0.1:{port}-:22");
        m.Stack.Dhcp();
        m.Stack.Arp(HostAddress);
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(IPAddress.Loopback, port);
        m.Stack.Accept(22);
        client.Send("hello guest"u8);
        Assert.Equal("hello guest"u8.ToArray(), m.Stack.Read(11));
        m.Stack.Write("hello host"u8.ToArray(), large: false);
        var buffer = new byte[100];
        Assert.Equal(10, client.Receive(buffer));
        Assert.Equal("hello host"u8.ToArray(), buffer[..10]);
        client.Shutdown(SocketShutdown.Send);
        m.Stack.Close();
        Assert.Equal(0, client.Receive(buffer));
    }

    [SlirpTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Udp_GoesOut_AndComesInThroughAForwardedPort(bool deterministic)
    {
        using var server = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var port = HostPort.Free();
        using var m = Machine(deterministic, MockNetDriver.Mergeable, $"udp:127.0.0.1:{port}-:7");
        m.Stack.Dhcp();
        m.Stack.Arp(HostAddress);
        var answer = new Background(() =>
        {
            IPEndPoint? from = null;
            var question = server.Receive(ref from);
            server.Send([.. question, .. new byte[3000]], from);
        });
        var got = m.Stack.Udp(HostAddress, ((IPEndPoint)server.Client.LocalEndPoint!).Port, [1, 2, 3]);
        answer.Join();

        // The answer is larger than the MTU: it comes in fragments, of which the first holds this much.
        Assert.Equal([1, 2, 3, 0], got[..4]);
        using var client = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        client.Send([9, 9], new IPEndPoint(IPAddress.Loopback, port));
        var (from, fromPort, payload) = m.Stack.UdpReceive(7);
        Assert.Equal([9, 9], payload);
        m.Stack.SendUdp(from, 7, fromPort, [8]);
        IPEndPoint? back = null;
        Assert.Equal([8], client.Receive(ref back));
    }

    [SlirpTheory]
    [InlineData(0)]
    [InlineData(NetMachine.Offloads)]
    public void DeterministicMachine_AnswersByItself_AtOnce_AndTheSameEveryTime(ulong features)
    {
        var first = Run();
        Assert.Equal(first, Run());

        List<byte[]> Run()
        {
            using var m = Machine(true, features);
            List<byte[]> frames = [];
            var stack = new GuestStack(m.Driver);
            stack.Dhcp();
            frames.Add(stack.Arp(HostAddress));
            frames.Add(stack.Ping(HostAddress, [1, 2, 3]));
            frames.Add(PciHarness.Save(m.Harness.Segment));
            return frames;
        }
    }

    [SlirpTheory]
    [InlineData(false)]
    [InlineData(true)]
    public void Snapshot_KeepsTheLease_AndTheGuestGoesOn(bool deterministic)
    {
        using var m = Machine(deterministic);
        m.Stack.Dhcp();
        m.Stack.Arp(HostAddress);
        var card = ((VirtioPciTransport)m.Harness.Segment[m.Driver.Driver.Slot]!).Device;
        card.Pause();
        var state = PciHarness.Save(m.Harness.Segment);
        PciHarness.Restore(m.Harness.Segment, state);
        Assert.Equal(state, PciHarness.Save(m.Harness.Segment));
        card.Resume();
        Assert.Equal([5, 6], m.Stack.Ping(HostAddress, [5, 6]));
        m.Stack.Dhcp();
        Assert.Equal([10, 0, 2, 15], m.Stack.Address);
    }

    [SlirpTheory]
    [InlineData("tcp::70000-:22", "'70000' is no port from 1 to 65535")]
    [InlineData("tcp::22", "is no forwarded port")]
    [InlineData("sctp::22-:22", "is no forwarded port")]
    [InlineData("tcp:1.2.3:22-:22", "'1.2.3' is no IPv4 address")]
    public void ForwardsThatMakeNoSense_AreRefused(string text, string message) =>
        Assert.Contains(message, Assert.Throws<EmuException>(() => HostForward.Parse(text)).Message);

    [SlirpTheory]
    [InlineData("tcp")]
    [InlineData("udp")]
    public void TakenPort_IsRefused_WithItsName(string protocol)
    {
        using var tcp = new TcpListener(IPAddress.Loopback, 0);
        tcp.Start();
        using var udp = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var port = protocol == "tcp" ? ((IPEndPoint)tcp.LocalEndpoint).Port : ((IPEndPoint)udp.Client.LocalEndPoint!).Port;
        var e = Assert.Throws<EmuException>(() => Machine(true, 0, $"{protocol}:127.0.0.1:{port}-:22"));
        Assert.Contains($"hostfwd={protocol}:127.0.0.1:{port}-:22: port {port} of the host cannot be opened", e.Message);
    }

    private static NetMachine Machine(bool deterministic, ulong features = 0, params string[] forwards) => new(
        deterministic, new UserNetOptions { Forwards = [.. forwards.Select(HostForward.Parse)], HostName = "emu-guest" }, features);
}
