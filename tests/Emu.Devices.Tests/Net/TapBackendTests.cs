// A TAP interface in a network namespace: the kernel's own TCP/IP at the other end, with and without offloads.
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Emu.Core;
using Emu.Devices.Net;
using Emu.Devices.Net.Tap;

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

    [NetworkNamespaceTheory]
    [InlineData("")]
    [InlineData("a-name-that-is-too-long")]
    [InlineData("lo")]
    public void InterfacesThatCannotBeUsed_AreRefused(string name) => NetworkNamespace.Run(() =>
        Assert.Contains("net0: ", Assert.Throws<EmuException>(() => new NetMachine(true, new TapNetOptions(name))).Message));
}
