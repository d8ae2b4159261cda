// A TAP interface in a network namespace: the kernel's own TCP/IP at the other end, with and without offloads.
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Emu.Core;
using Emu.Devices.Net;
using Emu.Devices.Net.Tap;
using Emu.Devices.Tests.Virtio.Net;

namespace Emu.Devices.Tests.Net;

public class TapBackendTests
{
    [NetworkNamespaceTheory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(false, NetMachine.Offloads)]
    [InlineData(true, NetMachine.Offloads)]
    public void TcpWithTheKernel_CarriesEveryByteBothWays(bool deterministic, ulong features) => NetworkNamespace.Run(() =>
    {
        using var m = new NetMachine(deterministic, new TapNetOptions("emutap0"), features);
        NetworkNamespace.Tool("ip", "addr", "add", "10.0.2.2/24", "dev", "emutap0");
        NetworkNamespace.Tool("ip", "link", "set", "emutap0", "up");
        m.Stack.Address = [10, 0, 2, 15];
        m.Stack.Arp([10, 0, 2, 2]);
        Assert.Equal([7, 7], m.Stack.Ping([10, 0, 2, 2], [7, 7]));
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Any, 0));
        listener.Listen();
        m.Stack.Connect([10, 0, 2, 2], ((IPEndPoint)listener.LocalEndPoint!).Port);
        using var server = listener.Accept();
        var data = RandomNumberGenerator.GetBytes(300_000);
        var echoed = new Background(() =>
        {
            var buffer = new byte[data.Length];
            using var stream = new NetworkStream(server);
            stream.ReadExactly(buffer);
            stream.Write(buffer);
        });
        m.Stack.Write(data, large: features != 0);
        Assert.Equal(data, m.Stack.Read(data.Length));
        echoed.Join();
        Assert.InRange(m.Stack.LargestFrame, features != 0 ? 2000 : 100, features != 0 ? NetFrame.MaximumLength : 1514);
    });

    /// <summary>The kernel sends each flow back on the queue that the guest used for it, and uses no queue that the driver does not.</summary>
    [NetworkNamespaceTheory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void SeveralQueues_EachCarryTheirFlows(bool made, bool deterministic) => NetworkNamespace.Run(() =>
    {
        const int Pairs = 3, Flows = 30, FirstPort = 5000;
        if (made)
        {
            NetworkNamespace.Tool("ip", "tuntap", "add", "emutap0", "mode", "tap", "multi_queue");
        }

        using var m = new NetMachine(deterministic, new TapNetOptions("emutap0", Pairs), MockNetDriver.Control | MockNetDriver.MultiQueue, pairs: Pairs);
        using var echo = SetUp(m);
        foreach (var pairs in (int[])[1, Pairs, 2, Pairs])
        {
            Assert.Equal(0, m.Driver.Command(4, 0, (byte)pairs, 0));
            for (var flow = 0; flow < Flows; flow++)
            {
                var port = FirstPort + flow;
                m.Stack.SendUdp([10, 0, 2, 2], port, ((IPEndPoint)echo.LocalEndPoint!).Port, [7], flow % pairs);
                Answer(echo);
                Assert.Equal((flow, flow % pairs * 2), (flow, m.Stack.QueueOfUdp(port)));
            }
        }

        Assert.Equal("", m.Harness.LogText.ToString());
    });

    /// <summary>An interface made for one queue serves a card of several, and one made for several a card of one.</summary>
    [NetworkNamespaceTheory]
    [InlineData(false, 2)]
    [InlineData(true, 1)]
    public void InterfaceMadeOtherwise_IsUsedAsItIs(bool several, int pairs) => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Tool("ip", ["tuntap", "add", "emutap0", "mode", "tap", .. several ? (string[])["multi_queue"] : []]);
        using var m = new NetMachine(false, new TapNetOptions("emutap0", pairs), pairs == 1 ? 0 : MockNetDriver.Control | MockNetDriver.MultiQueue, pairs: pairs);
        using var echo = SetUp(m);
        if (pairs > 1)
        {
            Assert.Equal(0, m.Driver.Command(4, 0, (byte)pairs, 0));
        }

        for (var flow = 0; flow < 10; flow++)
        {
            m.Stack.SendUdp([10, 0, 2, 2], 5000 + flow, ((IPEndPoint)echo.LocalEndPoint!).Port, [7], flow % pairs);
            Answer(echo);
            Assert.Equal(flow % pairs * 2, m.Stack.QueueOfUdp(5000 + flow));
        }
    });

    private static Socket SetUp(NetMachine m)
    {
        NetworkNamespace.Tool("ip", "addr", "add", "10.0.2.2/24", "dev", "emutap0");
        NetworkNamespace.Tool("ip", "link", "set", "emutap0", "up");
        m.Stack.Address = [10, 0, 2, 15];
        m.Stack.Arp([10, 0, 2, 2]);
        var echo = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        echo.Bind(new IPEndPoint(IPAddress.Any, 0));
        return echo;
    }

    private static void Answer(Socket echo)
    {
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        var buffer = new byte[100];
        var n = echo.ReceiveFrom(buffer, ref from);
        echo.SendTo(buffer.AsSpan(0, n), SocketFlags.None, from);
    }

    [NetworkNamespaceTheory]
    [InlineData("")]
    [InlineData("a-name-that-is-too-long")]
    [InlineData("lo")]
    public void InterfacesThatCannotBeUsed_AreRefused(string name) => NetworkNamespace.Run(() =>
        Assert.Contains("net0: ", Assert.Throws<EmuException>(() => new NetMachine(true, new TapNetOptions(name))).Message));
}
