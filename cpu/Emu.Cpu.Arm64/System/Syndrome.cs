// Exception syndromes: the classes, fault status codes and ISS fields of ESR_ELx, and the bits of PSTATE as SPSR_ELx shows them.
namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>ESR_ELx.EC (Arm ARM D17.2.37).</summary>
public enum ExceptionClass
{
    /// <summary>Unknown reason: UNDEFINED instructions.</summary>
    Unknown = 0x00,

    /// <summary>Trapped WFI, WFE, WFIT, WFET.</summary>
    TrappedWfx = 0x01,

    /// <summary>Trapped access to SVE, Advanced SIMD or floating point.</summary>
    TrappedFp = 0x07,

    /// <summary>Branch Target exception.</summary>
    BranchTarget = 0x0D,

    /// <summary>Illegal Execution state.</summary>
    IllegalState = 0x0E,

    /// <summary>SVC.</summary>
    Svc = 0x15,

    /// <summary>HVC.</summary>
    Hvc = 0x16,

    /// <summary>SMC.</summary>
    Smc = 0x17,

    /// <summary>Trapped MSR, MRS or System instruction.</summary>
    TrappedSystem = 0x18,

    /// <summary>Pointer authentication failure (FEAT_FPAC).</summary>
    PointerAuthentication = 0x1C,

    /// <summary>Instruction Abort from a lower exception level; one more from the same.</summary>
    InstructionAbort = 0x20,

    /// <summary>PC alignment fault.</summary>
    PcAlignment = 0x22,

    /// <summary>Data Abort from a lower exception level; one more from the same.</summary>
    DataAbort = 0x24,

    /// <summary>SP alignment fault.</summary>
    SpAlignment = 0x26,

    /// <summary>SError.</summary>
    SError = 0x2F,

    /// <summary>Breakpoint from a lower exception level; one more from the same.</summary>
    Breakpoint = 0x30,

    /// <summary>Software Step from a lower exception level; one more from the same.</summary>
    SoftwareStep = 0x32,

    /// <summary>Watchpoint from a lower exception level; one more from the same.</summary>
    Watchpoint = 0x34,

    /// <summary>BRK.</summary>
    Brk = 0x3C,
}

/// <summary>Fault status codes: ISS.IFSC, ISS.DFSC and PAR_EL1.FST. The kinds with a level take it in bits 1:0.</summary>
public enum FaultStatus
{
    /// <summary>No fault.</summary>
    None = -1,

    /// <summary>Address size fault.</summary>
    AddressSize = 0x00,

    /// <summary>Translation fault.</summary>
    Translation = 0x04,

    /// <summary>Access flag fault.</summary>
    AccessFlag = 0x08,

    /// <summary>Permission fault.</summary>
    Permission = 0x0C,

    /// <summary>Synchronous External abort, not on a table walk.</summary>
    External = 0x10,

    /// <summary>Synchronous External abort on a table walk.</summary>
    ExternalOnWalk = 0x14,

    /// <summary>Alignment fault.</summary>
    Alignment = 0x21,

    /// <summary>Debug: what a watchpoint, breakpoint or step reports.</summary>
    Debug = 0x22,

    /// <summary>Unsupported atomic hardware update of a table.</summary>
    UnsupportedUpdate = 0x31,

    /// <summary>Unsupported Exclusive or Atomic access.</summary>
    UnsupportedExclusive = 0x35,
}

/// <summary>Bits of ISS.</summary>
public static class Iss
{
    /// <summary>Data Abort WnR: the access was a write.</summary>
    public const uint Write = 1u << 6;

    /// <summary>Data Abort CM: cache maintenance or address translation instruction.</summary>
    public const uint CacheMaintenance = 1u << 8;

    /// <summary>Trapped WFx TI[0]: of WFE or WFET.</summary>
    public const uint WaitForEvent = 1;

    /// <summary>Trapped WFx TI[1]: of WFIT or WFET.</summary>
    public const uint WaitTimed = 2;

    /// <summary>Trapped WFx RV and RN: the register of WFIT or WFET.</summary>
    public static uint RegisterNumber(uint n) => (1u << 2) | (n << 5);

    /// <summary>CV = 1, COND = AL: what A64 instructions report in WFx and FP traps.</summary>
    public const uint ConditionAlways = 0x1E0_0000;

    /// <summary>Software Step ISV: EX is valid.</summary>
    public const uint StepValid = 1u << 24;

    /// <summary>Software Step EX: the instruction stepped was a Load-Exclusive.</summary>
    public const uint StepExclusive = 1u << 6;

    /// <summary>Syndrome of a trapped system instruction (ISS for EC 0x18) from its instruction word.</summary>
    public static uint OfSystemInstruction(uint word)
    {
        uint op0 = (word >> 19) & 3, op1 = (word >> 16) & 7, crn = (word >> 12) & 15, crm = (word >> 8) & 15, op2 = (word >> 5) & 7;
        return (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | ((word & 31) << 5) | (crm << 1) | ((word >> 21) & 1);
    }
}

/// <summary>Bits of SPSR_ELx and PSTATE (Arm ARM C5.2.19).</summary>
public static class Pstate
{
    /// <summary>FIQ mask.</summary>
    public const ulong F = 1UL << 6;

    /// <summary>IRQ mask.</summary>
    public const ulong I = 1UL << 7;

    /// <summary>SError mask.</summary>
    public const ulong A = 1UL << 8;

    /// <summary>Debug exception mask.</summary>
    public const ulong D = 1UL << 9;

    /// <summary>All four masks.</summary>
    public const ulong Daif = D | A | I | F;

    /// <summary>Branch type, 2 bits.</summary>
    public const ulong Btype = 3UL << 10;

    /// <summary>Speculative store bypass safe.</summary>
    public const ulong Ssbs = 1UL << 12;

    /// <summary>Illegal Execution state.</summary>
    public const ulong Il = 1UL << 20;

    /// <summary>Software step.</summary>
    public const ulong Ss = 1UL << 21;

    /// <summary>Privileged access never.</summary>
    public const ulong Pan = 1UL << 22;

    /// <summary>User access override.</summary>
    public const ulong Uao = 1UL << 23;

    /// <summary>Data independent timing.</summary>
    public const ulong Dit = 1UL << 24;

    /// <summary>M[4]: AArch32.</summary>
    public const ulong AArch32 = 1UL << 4;
}

/// <summary>Bits of SCTLR_EL1 (Arm ARM D17.2.118).</summary>
public static class Sctlr
{
    /// <summary>MMU enable.</summary>
    public const ulong M = 1;

    /// <summary>Alignment check.</summary>
    public const ulong A = 1UL << 1;

    /// <summary>Data cache enable.</summary>
    public const ulong C = 1UL << 2;

    /// <summary>EL0 may use CFP, DVP and CPP RCTX.</summary>
    public const ulong EnRCTX = 1UL << 10;

    /// <summary>SP alignment check at this level.</summary>
    public const ulong SA = 1UL << 3;

    /// <summary>SP alignment check at EL0.</summary>
    public const ulong SA0 = 1UL << 4;

    /// <summary>EL0 may access DAIF.</summary>
    public const ulong UMA = 1UL << 9;

    /// <summary>Instruction cache enable.</summary>
    public const ulong I = 1UL << 12;

    /// <summary>Enable pointer authentication with key DB.</summary>
    public const ulong EnDB = 1UL << 13;

    /// <summary>EL0 may use DC ZVA.</summary>
    public const ulong DZE = 1UL << 14;

    /// <summary>EL0 may read CTR_EL0.</summary>
    public const ulong UCT = 1UL << 15;

    /// <summary>EL0 WFI is not trapped.</summary>
    public const ulong NTWI = 1UL << 16;

    /// <summary>EL0 WFE is not trapped.</summary>
    public const ulong NTWE = 1UL << 18;

    /// <summary>Writable implies execute-never.</summary>
    public const ulong WXN = 1UL << 19;

    /// <summary>Exception entry leaves PSTATE.PAN alone.</summary>
    public const ulong SPAN = 1UL << 23;

    /// <summary>EL0 may do cache maintenance.</summary>
    public const ulong UCI = 1UL << 26;

    /// <summary>Enable pointer authentication with key DA.</summary>
    public const ulong EnDA = 1UL << 27;

    /// <summary>Enable pointer authentication with key IB.</summary>
    public const ulong EnIB = 1UL << 30;

    /// <summary>Enable pointer authentication with key IA.</summary>
    public const ulong EnIA = 1UL << 31;

    /// <summary>PACIASP and PACIBSP at EL0 refuse a BR that BTI c refuses.</summary>
    public const ulong BT0 = 1UL << 35;

    /// <summary>The same at EL1.</summary>
    public const ulong BT1 = 1UL << 36;

    /// <summary>EL0 may use FEAT_MOPS instructions.</summary>
    public const ulong MSCEn = 1UL << 33;

    /// <summary>Exception entry sets PSTATE.SSBS to this.</summary>
    public const ulong DSSBS = 1UL << 44;

    /// <summary>PAN applies to pages EL0 may execute.</summary>
    public const ulong EPAN = 1UL << 57;

    /// <summary>Bits that read as one: LSMAOE, nTLSMD, EIS, TSCXT, EOS (without FEAT_LSMAOC, FEAT_ExS, FEAT_CSV2_2).</summary>
    public const ulong Res1 = (1UL << 29) | (1UL << 28) | (1UL << 22) | (1UL << 20) | (1UL << 11);

    /// <summary>Bits that change translations already in a TLB.</summary>
    public const ulong ChangesTranslation = M | A | WXN | EPAN;

    /// <summary>Bits that change which targets of indirect branches are permitted.</summary>
    public const ulong ChangesBranchTargets = BT0 | BT1;
}
