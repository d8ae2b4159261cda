// PL011: transmission, identification, interrupts, FIFO levels, errors, loopback, snapshots and hostile accesses.
using Emu.Devices.Serial;
using static Emu.Devices.Serial.Pl011Registers;

namespace Emu.Devices.Tests.Serial;

public sealed class Pl011Tests : IDisposable
{
    private const uint Rx = (uint)Pl011Interrupts.RX;
    private const uint Tx = (uint)Pl011Interrupts.TX;
    private const uint Rt = (uint)Pl011Interrupts.RT;
    private const uint Oe = (uint)Pl011Interrupts.OE;
    private const uint Be = (uint)Pl011Interrupts.BE;
    private const uint Enabled = 0x301;
    private const uint Loopback = 0x381;

    private readonly TestLine line = new();
    private readonly MemoryBackend backend = new();
    private readonly Pl011 uart;

    public Pl011Tests()
    {
        uart = new Pl011(line, backend);
        backend.Start(uart.Input);
    }

    public void Dispose() => backend.Dispose();

    private uint Get(ulong register) => (uint)uart.Read(register, 4);

    private void Set(ulong register, uint value) => uart.Write(register, 4, value);

    private void EnableReceiver(uint interrupts = Rx | Rt)
    {
        Set(LCR_H, 0x70);
        Set(CR, Enabled);
        Set(IMSC, interrupts);
    }

    private void Type(int characters)
    {
        for (var i = 0; i < characters; i++)
        {
            backend.Type([(byte)('a' + (i % 26))]);
        }
    }

    [Fact]
    public void Reset_RegistersHaveTheManualsValues()
    {
        Assert.Equal(0x90u, Get(FR));
        Assert.Equal(0x300u, Get(CR));
        Assert.Equal(0x12u, Get(IFLS));
        Assert.Equal(0u, Get(IMSC) | Get(RIS) | Get(MIS) | Get(LCR_H) | Get(RSR) | Get(IBRD) | Get(FBRD) | Get(ILPR) | Get(DMACR));
    }

    [Fact]
    public void Identification_IsRevision1OfThePl011()
    {
        var ids = Enumerable.Range(0, 8).Select(i => (byte)Get(PeriphID0 + ((ulong)i * 4)));
        Assert.Equal([0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1], ids);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void WriteToDr_TransmitsTheLowByteAtOnce_EvenBeforeTheUartIsEnabled(int size)
    {
        uart.Write(DR, size, 0x5541);
        Assert.Equal([0x41], backend.Output);
        Assert.Equal(0x90u, Get(FR));
        Assert.Equal(Tx, Get(RIS));
    }

    [Fact]
    public void TxInterrupt_FollowsMaskAndClear()
    {
        Set(DR, 'x');
        Assert.False(line.Level);
        Set(IMSC, Tx);
        Assert.True(line.Level);
        Assert.Equal(Tx, Get(MIS));
        Set(ICR, Tx);
        Assert.False(line.Level);
        Set(DR, 'y');
        Assert.True(line.Level);
        Set(IMSC, 0);
        Assert.False(line.Level);
        Assert.Equal(0u, Get(MIS));
    }

    [Fact]
    public void OneCharacter_RaisesTimeoutOnly_AndReadingItClears()
    {
        EnableReceiver();
        Type(1);
        Assert.Equal(Rt, Get(MIS));
        Assert.True(line.Level);
        Assert.Equal(0x80u, Get(FR));
        Assert.Equal((uint)'a', Get(DR));
        Assert.False(line.Level);
        Assert.Equal(0x90u, Get(FR));
        Assert.Equal(0u, Get(DR));
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 4)]
    [InlineData(2, 8)]
    [InlineData(3, 12)]
    [InlineData(4, 14)]
    [InlineData(7, 14)]
    public void RxInterrupt_ComesAtTheTriggerLevel_AndGoesBelowIt(uint select, int level)
    {
        EnableReceiver(Rx);
        Set(IFLS, select << 3);
        Type(level - 1);
        Assert.Equal(0u, Get(RIS) & Rx);
        Type(1);
        Assert.Equal(Rx, Get(RIS) & Rx);
        Assert.True(line.Level);
        Get(DR);
        Assert.Equal(0u, Get(RIS) & Rx);
        Assert.False(line.Level);
        Assert.Equal(Rt, Get(RIS) & Rt);
    }

    [Fact]
    public void ClearedReceiveInterrupts_ComeBackWithTheNextCharacter()
    {
        EnableReceiver();
        Type(8);
        Set(ICR, Rx | Rt);
        Assert.False(line.Level);
        Type(1);
        Assert.Equal(Rx | Rt, Get(MIS));
    }

    [Fact]
    public void FullFifo_HoldsTheRestBackWithoutOverrun_AndResumesAsTheGuestReads()
    {
        EnableReceiver();
        backend.Type("0123456789abcdefGHIJKLMNOPQRSTUVWXYZ"u8);
        Assert.Equal(0xC0u, Get(FR));
        var text = "";
        while ((Get(FR) & 0x10) == 0)
        {
            text += (char)Get(DR);
        }

        Assert.Equal("0123456789abcdefGHIJKLMNOPQRSTUVWXYZ", text);
        Assert.Equal(0u, Get(RIS) & Oe);
        Assert.True(backend.Resumes > 0);
        Assert.False(line.Level);
    }

    [Fact]
    public void FifoDisabled_HoldsOneCharacter()
    {
        Set(CR, Enabled);
        Set(IMSC, Rx | Rt);
        backend.Type("ab"u8);
        Assert.Equal(0xC0u, Get(FR));
        Assert.Equal(Rx | Rt, Get(MIS));
        Assert.Equal((uint)'a', Get(DR));
        Assert.Equal((uint)'b', Get(DR));
        Assert.Equal(0x90u, Get(FR));
    }

    [Fact]
    public void EnablingTheFifo_KeepsTheCharacterAlreadyReceived()
    {
        Set(CR, Enabled);
        Set(IMSC, Rx | Rt);
        backend.Type("ab"u8);
        Set(LCR_H, 0x70);
        Assert.Equal((uint)'a', Get(DR));
        Assert.Equal((uint)'b', Get(DR));
    }

    [Fact]
    public void TypedAheadInput_SurvivesALinuxDriversStartUp()
    {
        backend.Type("echo hello\n"u8);

        // earlycon, before the UART is enabled.
        for (var i = 0; i < 20; i++)
        {
            Get(FR);
            Set(DR, 'e');
            Get(FR);
        }

        // The console before the port is opened: enable, print, wait for BUSY, put the old value back.
        for (var i = 0; i < 3; i++)
        {
            Get(CR);
            Set(CR, Enabled);
            Get(FR);
            Set(DR, 'p');
            Get(FR);
            Set(CR, 0x300);
        }

        // Port start-up: enable, read modem state, clear, drain until RXFE, unmask, enable the FIFO.
        Set(CR, Enabled);
        Get(FR);
        Set(ICR, Rt | Rx);
        for (var i = 0; i < 32 && (Get(FR) & 0x10) == 0; i++)
        {
            Get(DR);
        }

        Set(IMSC, Rx | Rt);
        Set(LCR_H, 0x70);
        var text = "";
        while (line.Level)
        {
            text += (char)Get(DR);
        }

        Assert.Equal("echo hello\n", text);
    }

    [Fact]
    public void PollingReceiver_GetsEveryCharacterWithInterruptsMasked()
    {
        Set(LCR_H, 0x70);
        Set(CR, Enabled);
        backend.Type("a longer line than the FIFO holds"u8);
        var text = "";
        for (var i = 0; i < 1000 && text.Length < 33; i++)
        {
            if ((Get(FR) & 0x10) == 0)
            {
                text += (char)Get(DR);
            }
        }

        Assert.Equal("a longer line than the FIFO holds", text);
    }

    [Fact]
    public void ReceiverOff_TakesNothing()
    {
        EnableReceiver();
        Set(CR, 0x101);
        backend.Type("x"u8);
        Assert.Equal(0x90u, Get(FR));
        Set(CR, Enabled);
        Assert.Equal((uint)'x', Get(DR));
    }

    [Fact]
    public void Break_ArrivesAsAZeroCharacterWithItsErrorBit()
    {
        EnableReceiver(Be);
        uart.ReceiveBreak();
        Assert.Equal(Be, Get(MIS));
        Assert.Equal((uint)Pl011Error.BE, Get(DR));
        Assert.Equal(4u, Get(RSR));
        Set(RSR, 0);
        Assert.Equal(0u, Get(RSR));
        Set(ICR, Be);
        Assert.False(line.Level);
    }

    [Fact]
    public void Loopback_FeedsOutputToInput_NotToTheHost()
    {
        EnableReceiver();
        Set(CR, Loopback);
        Set(DR, 'q');
        Assert.Empty(backend.Output);
        Assert.Equal((uint)'q', Get(DR));
    }

    [Fact]
    public void LoopbackOverrun_SetsOeAtOnce_AndMarksTheNextCharacter()
    {
        EnableReceiver(Oe);
        Set(CR, Loopback);
        for (var i = 0; i < 17; i++)
        {
            Set(DR, (uint)('A' + i));
        }

        Assert.True(line.Level);
        Assert.Equal(8u, Get(RSR));
        Assert.Equal((uint)'A', Get(DR));
        Set(DR, 'z');
        for (var i = 1; i < 16; i++)
        {
            Assert.Equal((uint)('A' + i), Get(DR));
        }

        Assert.Equal((uint)Pl011Error.OE | 'z', Get(DR));
        Set(RSR, 0);
        Assert.Equal(0u, Get(RSR));
    }

    [Fact]
    public void Loopback_ModemOutputsFeedModemInputs()
    {
        Set(CR, Loopback | (uint)(Pl011Control.RTS | Pl011Control.Out2));
        Assert.Equal((uint)(Pl011Flags.CTS | Pl011Flags.RI | Pl011Flags.TXFE | Pl011Flags.RXFE), Get(FR));
        Assert.Equal((uint)(Pl011Interrupts.CTS | Pl011Interrupts.RI), Get(RIS));
        Set(CR, Enabled | (uint)Pl011Control.RTS);
        Assert.Equal(0x90u, Get(FR));
    }

    [Fact]
    public void LoopbackBreak_IsReceivedOnceAtItsStart()
    {
        EnableReceiver();
        Set(CR, Loopback);
        Set(LCR_H, 0x71);
        Set(LCR_H, 0x71);
        Assert.Equal((uint)Pl011Error.BE, Get(DR));
        Assert.Equal(0x90u, Get(FR) & 0xFF);
    }

    [Fact]
    public void NarrowReads_GiveTheLowBytes()
    {
        Set(CR, 0xFF87);
        Assert.Equal(0x87ul, uart.Read(CR, 1));
        Assert.Equal(0xFF87ul, uart.Read(CR, 2));
        Assert.Equal(0ul, uart.Read(CR + 1, 1));
    }

    [Fact]
    public void Snapshot_RoundTripKeepsRegistersFifoAndLine()
    {
        EnableReceiver();
        Set(IBRD, 13);
        Set(FBRD, 1);
        backend.Type("0123456789"u8);
        Get(DR);
        Get(DR);
        Get(DR);
        var state = Support.Save(uart);

        var otherLine = new TestLine();
        using var otherBackend = new MemoryBackend();
        var other = new Pl011(otherLine, otherBackend);
        otherBackend.Start(other.Input);
        Support.Restore(other, state);
        Assert.Equal(state, Support.Save(other));
        Assert.True(otherLine.Level);
        Assert.Equal((ulong)'3', other.Read(DR, 4));
        otherBackend.Type("XYZ"u8);
        Assert.Equal("456789XYZ", string.Concat(Enumerable.Range(0, 9).Select(_ => (char)other.Read(DR, 4))));
    }

    [Fact]
    public void Snapshot_OfADamagedFifo_IsRefused()
    {
        var state = Support.Save(uart);
        state[^1] = 17;
        Assert.Throws<InvalidDataException>(() => Support.Restore(uart, state));
        state[0] = 99;
        Assert.Throws<InvalidDataException>(() => Support.Restore(uart, state));
    }

    [Fact]
    public void Reset_DropsReceivedCharactersAndLowersTheLine()
    {
        EnableReceiver();
        backend.Type("abc"u8);
        uart.Reset();
        Assert.False(line.Level);
        Reset_RegistersHaveTheManualsValues();
    }

    [Fact]
    public void HostileAccesses_NeverThrow_AndLeaveAUsableUart()
    {
        var data = new byte[40];
        Support.Hammer(uart, 11, random =>
        {
            if (random.Next(50) == 0)
            {
                random.NextBytes(data);
                uart.Receive(data);
                uart.ReceiveBreak();
            }
        });
        uart.Reset();
        backend.Output.Clear();
        WriteToDr_TransmitsTheLowByteAtOnce_EvenBeforeTheUartIsEnabled(4);
    }

    [Fact]
    public void InputGate_StandsBetweenBackendAndDevice()
    {
        var gate = new HoldingGate();
        var gated = new Pl011(line, backend, gate);
        gated.Write(LCR_H, 4, 0x70);
        gated.Write(CR, 4, Enabled);
        gated.Write(IMSC, 4, Rx | Rt);
        Assert.Same(gate, gated.Input);
        Assert.Equal(20, gated.Input.Receive("01234567890123456789"u8));
        Assert.Equal(0x90ul, gated.Read(FR, 4));
        gate.Deliver();
        Assert.Equal(4, gate.Held.Count);
        Assert.Equal(0, gate.RoomSignals);
        gated.Read(DR, 4);
        Assert.Equal(1, gate.RoomSignals);
    }

    [Fact]
    public void InputFromAnotherThread_ArrivesCompleteAndInOrder()
    {
        EnableReceiver();
        var sent = new byte[20_000];
        new Random(3).NextBytes(sent);
        var sender = new Thread(() =>
        {
            for (var i = 0; i < sent.Length; i += 100)
            {
                backend.Type(sent.AsSpan(i, 100));
            }
        });
        sender.Start();
        var received = new List<byte>();
        Support.WaitFor(
            () =>
            {
                while ((Get(FR) & 0x10) == 0)
                {
                    received.Add((byte)Get(DR));
                }

                return received.Count >= sent.Length;
            },
            "20000 characters");
        sender.Join();
        Assert.Equal(sent, received);
    }

    /// <summary>Queues input until told, as a deterministic machine does.</summary>
    private sealed class HoldingGate : ICharInputGate
    {
        private ICharSink? device;

        public Queue<byte> Held { get; } = new();

        public int RoomSignals { get; private set; }

        public void Attach(ICharSink device, ICharBackend backend) => this.device = device;

        public int Receive(ReadOnlySpan<byte> data)
        {
            foreach (var b in data)
            {
                Held.Enqueue(b);
            }

            return data.Length;
        }

        public void RoomAvailable() => RoomSignals++;

        public void Deliver()
        {
            var taken = device!.Receive(Held.ToArray());
            for (var i = 0; i < taken; i++)
            {
                Held.Dequeue();
            }
        }
    }
}
